/** The GraphQL door: queries, commands and streams of contracts at one address. */
import type { ServerResponse } from 'node:http'
import type { AnyContract } from 'dure/contract'
import { admit, type DoorTls, hostOfEnvironment, openHttp, openState, operationDoor, servedOperations } from 'dure/door/internal'
import type { Door, DoorHost, OpenDoor, World } from 'dure/service'
import { createDocuments } from './documents.ts'
import type { Federation } from './entities.ts'
import { executor, refuse, type GraphqlState } from './execute.ts'
import { limitsOf, type GraphqlLimits } from './limits.ts'
import type { Links } from './links.ts'
import { knownDocuments } from './persisted.ts'
import { planned } from './plans.ts'
import { schemaOf } from './schema.ts'
import { webSockets } from './websocket.ts'

export type { Entity, Federation } from './entities.ts'
export { graphqlDocument } from './schema.ts'
export { graphqlHandlers, type GraphqlHandlersOptions } from './client/handlers.ts'
export type { GraphqlLimits } from './limits.ts'
export type { Link, Links } from './links.ts'

export type GraphqlOptions = {
  /** Name in logs and lists. Default `graphql`. */
  readonly name?: string
  /** 0 takes any free port. Default 8090. */
  readonly port?: number
  /** Default `DURE_HOST`, else 127.0.0.1: this machine only. `0.0.0.0` is everybody. */
  readonly host?: string
  /** Certificates: the door speaks HTTPS, and takes those of files anew when they change. Default: HTTP. */
  readonly tls?: DoorTls
  /** Default `/graphql`. */
  readonly path?: string
  /** Which contracts are served. Default: all of the system. */
  readonly contracts?: readonly AnyContract[]
  /** Fields from what one operation answers to what another does: `{ Order: { customer: { contract: Customers, … } } }`. */
  readonly links?: Links
  /**
   * Makes the door one part of a federated graph, a subgraph of Apollo Federation 2, with the types that its parts know by their
   * keys: `{ Customer: { contract: Customers, operation: 'byIds', key: ['id'], … } }`. All parts may be given the same.
   */
  readonly federation?: Federation
  /**
   * Documents known beforehand: then only these are taken, by their text or its hash (SHA-256), as `documentId` or as clients of
   * Apollo's say it. Default: whatever is asked.
   */
  readonly documents?: readonly string[]
  /** Pages of other hosts that may connect over WebSocket, by their origin: `['https://shop.example']`. Default: none. */
  readonly origins?: readonly string[]
  readonly limits?: Partial<GraphqlLimits>
  /** Whether clients may ask for the schema itself. Default true: it says nothing that `dure docs --format graphql` does not. */
  readonly introspection?: boolean
}

/**
 * Makes a door that serves contracts as GraphQL over HTTP, streams as subscriptions over server-sent events and over WebSocket.
 * Opening it throws when the port is in use, when no contract has a query, for links and entities that lead nowhere, and for a known
 * document that the schema does not fit.
 *
 * @example
 * ```ts
 * import { graphql } from '@dure/graphql'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * const time = system('time', { services: [clock], doors: [graphql({ port: 0 })], security: 'off' })
 * console.log(time.doors[0]?.name) // → graphql
 * ```
 */
export function graphql(options: GraphqlOptions = {}): Door {
  const limits = limitsOf(options.limits)
  const { name = 'graphql', host = hostOfEnvironment(), port = 8090 } = options
  return {
    name,
    open: (doorHost, world) => open(doorHost, world, { ...options, name, host, port }, limits),
    listens: () => ({ kind: 'tcp', host, port }),
  }
}

type Settings = GraphqlOptions & { readonly name: string; readonly host: string; readonly port: number }

async function open(host: DoorHost, world: World, settings: Settings, limits: GraphqlLimits): Promise<OpenDoor> {
  const { name, path = '/graphql', contracts = host.contracts, links, federation, introspection = true, origins = [] } = settings
  const state: GraphqlState = openState({ door: name, limits, world, host })
  const served = new Map(servedOperations(host, contracts).map((one) => [`${one.contract.name}.${one.name}`, one]))
  const { schema } = schemaOf({
    ...{ contracts, links, federation, introspection },
    doorOf: (one) => {
      const place = `${one.contract.name}.${one.name}`
      return operationDoor(served.get(place)!, state, `GraphQL ${place}`)
    },
  })
  const documents = createDocuments(schema, { limits, introspection })
  const all = { state, schema, documents, known: knownDocuments(settings.documents, documents), execute: planned(schema) }
  const answer = executor(all)

  const http = await openHttp(state, {
    ...settings,
    handed: world.sockets?.get(name),
    upgrade: webSockets(all, { path, origins }),
    answer: (request, response) => {
      const at = request.url!.indexOf('?')
      if ((at === -1 ? request.url! : request.url!.slice(0, at)) !== path) return lost(response, path)
      const refusal = admit(state)
      if (refusal !== undefined) return refuse(response, state, refusal, state.world.runtime.ids.next())
      response.once('close', () => void state.calls--)
      void answer(request, response)
    },
  })
  return { url: `${http.origin}${path}`, close: http.close }
}

function lost(response: ServerResponse, path: string): void {
  const body = JSON.stringify({ errors: [{ message: `Nothing is served there; GraphQL is at "${path}"` }] })
  response.writeHead(404, { 'content-type': 'application/json; charset=utf-8' }).end(body)
}
