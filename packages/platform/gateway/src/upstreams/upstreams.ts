/** Several instances of one service: which are up, and which of them is asked next. */
import type { Instance, Registry } from 'dure/discovery'
import { createEjection, createRetryBudget, leastOfTwo, type EjectionPolicy, type RetryBudgetPolicy } from 'dure/resilience'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { hashOf } from './hash.ts'
import { Endpoint, type Address, type Failure, type Limits, type Time } from '../proxy/proxy.ts'
import { secureTo, type UpstreamTls } from './secure.ts'

/** Where a service is. */
export type UpstreamOptions = (
  | {
      /** Where its instances are: `127.0.0.1:8080`, or over TLS `https://orders.internal:8443`. */
      readonly addresses: readonly string[]
    }
  | {
      /** Whose instances the registry tells of. */
      readonly service: string
      /** Which of their endpoints. Default `http`. */
      readonly endpoint?: string
    }
) & {
  /** Whom to believe over TLS. Instances that the registry tells of are asked over TLS when it is given, even if `{}`. */
  readonly tls?: UpstreamTls
  /** Which instances are left out for a while. Default: after 5 failures in a row, for 1 to 30 s, and never more than half of them. */
  readonly ejection?: Partial<EjectionPolicy>
  /** How many repetitions there may be. Default: a fifth of the requests, and 10 a second besides. */
  readonly budget?: Partial<RetryBudgetPolicy>
}

export type Upstream = {
  readonly name: string
  /** Whom to ask now, rather one that has not been asked for this request; undefined when nobody is up. */
  readonly pick: (asked: readonly Endpoint[]) => Endpoint | undefined
  /** The same instance for the same key, as long as it is up (rendezvous hashing: others keep theirs when one goes). */
  readonly stick: (key: string) => Endpoint | undefined
  /** How it went with one that was picked. `given up`: it says nothing. */
  readonly tried: (endpoint: Endpoint, how: Failure | number | 'given up', probe: boolean) => void
  /** Whether there is another one to ask. */
  readonly hasOther: (endpoint: Endpoint) => boolean
  /** Takes one repetition out of the budget. */
  readonly again: () => boolean
  readonly called: () => void
  readonly endpoints: () => readonly Endpoint[]
  readonly stop: () => void
}

const ADDRESS = /^(https:\/\/)?(?:\[([\da-fA-F:.]+)\]|([\w.-]+)):(\d{1,5})$/

/** Reads `127.0.0.1:8080`; undefined when it is none. */
export function addressOf(text: string): { readonly host: string; readonly port: number; readonly https: boolean } | undefined {
  const found = ADDRESS.exec(text)
  const port = Number(found?.[4])
  if (found === null || port < 1 || port > 65_535) return undefined
  return { host: found[2] ?? found[3]!, port, https: found[1] !== undefined }
}

export function createUpstream(
  name: string,
  options: UpstreamOptions,
  world: {
    readonly runtime: Runtime
    readonly limits: Limits
    readonly time: Time
    readonly log: Logger
    readonly registry: Registry | undefined
  },
): Upstream {
  const { runtime, limits, time, log, registry } = world
  const { clock, random } = runtime
  const ejection = createEjection({ clock, random, ...(options.ejection !== undefined && { policy: options.ejection }) })
  const budget = createRetryBudget({ clock, ...(options.budget !== undefined && { policy: options.budget }) })
  const endpoints = new Map<string, Endpoint>()
  let ready: readonly Endpoint[] = []
  const look = (): void => {
    ready = [...endpoints.values()].filter(({ health }) => health?.state() === 'in')
  }
  const see = (addresses: readonly Address[]): void => {
    const now = new Map(addresses.map((address) => [`${address.host}:${address.port}`, address]))
    for (const [key, endpoint] of endpoints)
      if (!now.has(key)) {
        endpoints.delete(key)
        ejection.leave(endpoint.health!)
        endpoint.retire()
      }
    for (const [key, address] of now) {
      if (endpoints.has(key)) continue
      const endpoint = new Endpoint(address, limits, time)
      endpoint.health = ejection.join((change) => {
        look()
        const about = { upstream: name, instance: key }
        if (change === 'returned') log.info('An instance answers again', about)
        else log.warn('An instance fails or stalls and is left out for a while', about)
      })
      endpoints.set(key, endpoint)
    }
    look()
  }
  let watching: { readonly stop: () => void } | undefined
  const secure = secureTo(options)
  if ('addresses' in options)
    see(options.addresses.map((text) => addressOf(text)!).map(({ https, ...at }) => (https ? { ...at, secure } : at)))
  else {
    const { service, endpoint = 'http' } = options
    const take = (instances: readonly Instance[]): void =>
      see(instances.flatMap((each) => tcpOf(each, endpoint)).map((at) => ({ ...at, secure })))
    watching = registry!.watch(service, take)
    take(registry!.instances(service))
  }

  const pick: Upstream['pick'] = (asked) => {
    if (asked.length === 0) {
      const now = clock.monotonic()
      if (now >= ejection.nextProbe()) for (const each of endpoints.values()) if (each.health!.probe(now)) return each
      return leastOfTwo(ready, random)
    }
    // A request that has failed is not the one that finds out whether somebody is back, nor does it go where it has failed before.
    const others = ready.filter((each) => !asked.includes(each))
    if (others.length > 0) return leastOfTwo(others, random)
    return ready.find((each) => each !== asked.at(-1)) ?? ready[0]
  }
  const stick = (key: string): Endpoint | undefined => {
    let [best, most]: [Endpoint | undefined, number] = [undefined, -1]
    for (const each of ready) {
      const score = hashOf(`${key} ${each.name}`)
      if (score > most) [best, most] = [each, score]
    }
    return best ?? pick([])
  }
  const tried: Upstream['tried'] = ({ health }, how, probe) => {
    if (health === undefined) return
    const failed = typeof how === 'object' ? how.kind !== 'stale' : how === 502 || how === 503 || how === 504
    const unknown = how === 'given up' || (typeof how === 'object' && how.kind === 'stale')
    if (probe) health.probed(unknown ? 'unknown' : failed ? 'failed' : 'answered')
    else if (unknown) return
    else if (typeof how === 'object' && (how.kind === 'late' || how.kind === 'stalled')) health.stalled()
    else if (failed) health.failed()
    else health.succeeded()
  }
  return {
    name,
    pick,
    stick,
    tried,
    hasOther: (endpoint) => ready.some((each) => each !== endpoint),
    again: () => budget.take(),
    called: () => budget.called(),
    endpoints: () => [...endpoints.values()],
    stop: () => {
      watching?.stop()
      see([])
    },
  }
}

function tcpOf({ status, endpoints }: Instance, endpoint: string): readonly { readonly host: string; readonly port: number }[] {
  const address = endpoints[endpoint]
  return status === 'up' && address?.kind === 'tcp' ? [{ host: address.host, port: address.port }] : []
}
export { hashOf } from './hash.ts'
export { secureTo, type UpstreamTls } from './secure.ts'
