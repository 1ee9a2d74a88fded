import type { AnyContract, AnyOperation } from 'dure/contract'
import type { CallContext } from 'dure/call'
import { createRemoteTransport, remoteChanges } from 'dure/call/internal'
import type { Address } from 'dure/discovery'
import { httpAddress } from 'dure/runtime/internal'
import type { External } from 'dure/service'
import { fixedInstances, foundInstances } from './instances.ts'
import { clientLimits, type ClientLimits } from './limits.ts'
import { httpPeers, type HttpTls } from './peer.ts'

export type HttpServiceOptions = {
  /**
   * Where it is: `https://billing.example/api`; of several, with one scheme and one path, each takes its share. Default: where the
   * system's registry says, which has its instances with an `http` endpoint (`https` with `tls`).
   */
  readonly url?: string | readonly string[]
  /** What the registry calls it. Default: the name of its contract. */
  readonly name?: string
  /** In front of every path where the registry says the rest: `/api`. Default: nothing. */
  readonly prefix?: string
  /** Certificates, in PEM, for HTTPS. */
  readonly tls?: HttpTls
  /**
   * The header `authorization`, asked for at each request and at once: `({ principal }) => 'Bearer …'`, on whose behalf the call is.
   * Default: what stands before the `@` of a url.
   */
  readonly authorization?: (call: Pick<CallContext, 'principal' | 'metadata'>) => string | undefined
  readonly limits?: Partial<ClientLimits>
}

/**
 * A service that others run, in whatever language, called over HTTP by the routes of its contract, with the deadlines, retries,
 * ejection and policies of any other call. A system lists it under `external`.
 * @throws {TypeError} when a url or a limit cannot be used
 *
 * @example
 * ```ts
 * import { httpService } from '@dure/rest'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Billing = contract('billing', {
 *   version: '1.0.0',
 *   owner: 'team-billing',
 *   operations: { balance: query({ input: z.object({ id: z.string() }), output: z.int(), http: 'GET /accounts/{id}/balance' }) },
 * })
 * const Shop = contract('shop', { version: '1.0.0', owner: 'team-shop', operations: { mayBuy: query({ output: z.boolean() }) } })
 * const shop = service(Shop, {
 *   needs: { billing: Billing },
 *   handlers: { mayBuy: async (_, { billing }) => (await billing.balance({ id: 'ana' })) > 0 },
 * })
 * const mall = system('mall', { services: [shop], external: [httpService(Billing, { url: 'https://billing.example/api' })] })
 * console.log(mall.external[0]?.contract.name) // → billing
 * ```
 */
export function httpService(contract: AnyContract, options: HttpServiceOptions = {}): External {
  const { name = contract.name, limits, authorization } = options
  clientLimits(limits)
  const fixed = options.url === undefined ? undefined : placesOf(contract, [options.url].flat())
  if (fixed !== undefined && fixed.scheme === 'http' && options.tls !== undefined)
    throw new TypeError(`Cannot call "${contract.name}" over HTTP: it has "tls" and a url of "http:"; write "https:"`)
  const tls = options.tls ?? (fixed?.scheme === 'https' ? {} : undefined)
  const prefix = fixed?.path ?? prefixOf(contract, options.prefix)
  return {
    contract,
    problems: problemsOf(contract),
    connect: async ({ runtime, log, policies, registry }) => {
      if (runtime.fetch === undefined)
        throw new TypeError(`Cannot call "${contract.name}" over HTTP: this runtime leads to no network; give a fake of it`)
      const instances =
        fixed === undefined
          ? foundInstances(await registry(), { service: contract.name, name, scheme: tls === undefined ? 'http' : 'https' })
          : fixedInstances(contract.name, fixed.addresses)
      const allowed = authorization ?? (fixed?.authorization === undefined ? undefined : () => fixed.authorization)
      const connect = httpPeers({ contracts: [contract], runtime, tls, prefix, authorization: allowed, limits })
      return createRemoteTransport({ registry: instances, connect, runtime, log, changes: remoteChanges(policies) })
    },
  }
}

type Places = {
  readonly scheme: 'http' | 'https'
  readonly path: string
  readonly authorization: string | undefined
  readonly addresses: readonly Address[]
}

function placesOf({ name }: AnyContract, urls: readonly string[]): Places {
  const what = `service "${name}"`
  const places = urls.map((url) => {
    const { base, authorization } = httpAddress(what, url)
    const { protocol, hostname, port, pathname } = new URL(base)
    const secure = protocol === 'https:'
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    const address: Address = { kind: 'tcp', host, port: Number(port) || (secure ? 443 : 80) }
    return { scheme: secure ? 'https' : 'http', path: pathname === '/' ? '' : pathname, authorization, address } as const
  })
  const [first] = places
  if (first === undefined) throw new TypeError(`Cannot call ${what} over HTTP: "url" is empty; give one, or leave it out`)
  const same = ({ scheme, path, authorization }: (typeof places)[number]): string => JSON.stringify([scheme, path, authorization])
  if (places.some((one) => same(one) !== same(first)))
    throw new TypeError(
      `Cannot call ${what} over HTTP: its urls differ in more than host and port; give them one scheme, path and password`,
    )
  return { ...first, addresses: places.map(({ address }) => address) }
}

function prefixOf({ name }: AnyContract, prefix = ''): string {
  if (prefix === '' || /^(?:\/[\w.~!$&'()*+,;=:@%-]+)+$/.test(prefix)) return prefix
  throw new TypeError(`Cannot call service "${name}" over HTTP: its "prefix" is "${prefix}"; write one such as "/api"`)
}

/** What of a contract HTTP cannot carry. */
function problemsOf({ name, operations }: AnyContract): readonly string[] {
  return Object.entries(operations as Readonly<Record<string, AnyOperation>>).flatMap(([operation, { kind, bindings }]) => {
    if (bindings.http !== undefined) return []
    const fix =
      kind === 'channel'
        ? 'HTTP has no channels; leave it out of the contract'
        : `give it one, such as http: 'POST /${operation}'`
    return [`"${name}.${operation}" is to be called over HTTP and has no route of it; ${fix}`]
  })
}
