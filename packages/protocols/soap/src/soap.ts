/** The SOAP door: commands and queries of contracts, with their WSDL. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AnyContract } from 'dure/contract'
import { admit, type DoorTls, hostOfEnvironment, openHttp, openState, operationDoor, servedOperations } from 'dure/door/internal'
import type { Door, DoorHost, OpenDoor, World } from 'dure/service'
import { V11 } from './envelope.ts'
import { executor, refuse, type Executor, type SoapState } from './execute.ts'
import { limitsOf, type SoapLimits } from './limits.ts'
import { modelOf, type SoapModel } from './model.ts'
import { wsdlOf } from './wsdl.ts'

export { wsdlDocument, type WsdlOptions } from './wsdl.ts'
export { soapHandlers, type SoapHandlersOptions } from './handlers.ts'
export { soapMail, type EnvelopeLetter, type MailWithEnvelope, type SoapMail, type SoapMailOptions } from './mail.ts'
export type { SoapLimits } from './limits.ts'

export type SoapOptions = {
  /** Name in logs and lists. Default `soap`. */
  readonly name?: string
  /** 0 takes any free port. Default 8091. */
  readonly port?: number
  /** Default `DURE_HOST`, else 127.0.0.1: this machine only. `0.0.0.0` is everybody. */
  readonly host?: string
  /** Certificates: the door speaks HTTPS, and takes those of files anew when they change. Default: HTTP. */
  readonly tls?: DoorTls
  /** Each contract is below it, by its name: `/soap/orders`. Default `/soap`. */
  readonly path?: string
  /** Which contracts are served. Default: all of the system. */
  readonly contracts?: readonly AnyContract[]
  /** Where others reach the door, for its WSDL: `https://shop.example/soap`. Default: as whoever asks for the WSDL has reached it. */
  readonly address?: string
  /** Default: `urn:dure:orders:1`, with the contract's name and major version. */
  readonly namespaceOf?: (contract: AnyContract) => string
  readonly limits?: Partial<SoapLimits>
}

/**
 * Makes a door that serves contracts as SOAP 1.1 and 1.2, document/literal wrapped, with a WSDL at `?wsdl`. Streams and channels are
 * left out, for SOAP answers once. Opening it throws when the port is in use, and for what SOAP could not tell apart.
 *
 * @example
 * ```ts
 * import { soap } from '@dure/soap'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * const time = system('time', { services: [clock], doors: [soap({ port: 0 })], security: 'off' })
 * console.log(time.doors[0]?.name) // → soap
 * ```
 */
export function soap(options: SoapOptions = {}): Door {
  const limits = limitsOf(options.limits)
  const { name = 'soap', host = hostOfEnvironment(), port = 8091 } = options
  return {
    name,
    open: (doorHost, world) => open(doorHost, world, { ...options, name, host, port }, limits),
    listens: () => ({ kind: 'tcp', host, port }),
  }
}

type Settings = SoapOptions & { readonly name: string; readonly host: string; readonly port: number }

type Served = { readonly model: SoapModel; readonly execute: Executor }

async function open(host: DoorHost, world: World, settings: Settings, limits: SoapLimits): Promise<OpenDoor> {
  const { name, path = '/soap', contracts = host.contracts, namespaceOf } = settings
  const state: SoapState = openState({ door: name, limits, world, host })
  const operations = servedOperations(host, contracts)
  const served = new Map(
    contracts.map((contract): [string, Served] => {
      const model = modelOf(contract, namespaceOf?.(contract))
      const execute = executor(state, model, ({ types }) => {
        const one = operations.find((served) => served.contract === contract && served.name === types.name)!
        return operationDoor(one, state, `SOAP ${contract.name}.${types.name}`)
      })
      return [`${path}/${contract.name}`, { model, execute }]
    }),
  )
  const http = await openHttp(state, {
    ...settings,
    handed: world.sockets?.get(name),
    answer: (request, response) => {
      const [asked = '', query] = request.url!.split('?', 2)
      const found = served.get(asked)
      if (request.method === 'GET' && /^wsdl$/i.test(query ?? '') && (found !== undefined || asked === path))
        return sendWsdl(request, response, settings, found === undefined ? served : new Map([[asked, found]]))
      if (found === undefined || request.method !== 'POST') return lost(response, { path, served, found })
      const refusal = admit(state)
      if (refusal !== undefined) {
        const correlationId = state.world.runtime.ids.next()
        return refuse(response, state, refusal, { soap: V11, exchange: { correlationId } })
      }
      response.once('close', () => void state.calls--)
      void found.execute(request, response)
    },
  })
  return { url: `${http.origin}${path}`, close: http.close }
}

// A registered name or an address, and perhaps a port.
const HOST = /^(?:\[[\da-fA-F:.]+\]|[\w.-]+)(?::\d+)?$/

function sendWsdl(
  { headers, socket }: IncomingMessage,
  response: ServerResponse,
  { address, path = '/soap', tls }: Settings,
  served: ReadonlyMap<string, Served>,
): void {
  const { host = '' } = headers
  const reached = HOST.test(host) ? host : `${socket.localAddress}:${socket.localPort}`
  const base = address ?? `${tls === undefined ? 'http' : 'https'}://${reached}${path}`
  const models = Array.from(served.values(), ({ model }) => ({ model, address: `${base}/${model.contract.name}` }))
  const head = { 'content-type': 'text/xml; charset=utf-8', 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' }
  response.writeHead(200, head).end(wsdlOf(models))
}

function lost(
  response: ServerResponse,
  {
    path,
    served,
    found,
  }: { readonly path: string; readonly served: ReadonlyMap<string, Served>; readonly found: Served | undefined },
): void {
  const head = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }
  if (found !== undefined)
    return void response.writeHead(405, { ...head, allow: 'POST' }).end('Envelopes are taken by POST; the WSDL is at "?wsdl"\n')
  response
    .writeHead(404, head)
    .end(`Nothing is served there; the WSDL is at "${path}?wsdl", for ${[...served.keys()].join(', ')}\n`)
}
