/** The GraphQL door: queries, commands and streams of contracts at one address. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import { Server as Listener } from 'node:net'
import type { AnyContract } from 'dure/contract'
import { admit, closeDoor, openState, operationDoor, servedOperations } from 'dure/door/internal'
import type { Door, DoorHost, OpenDoor, World } from 'dure/service'
import { createDocuments } from './documents.ts'
import { executor, refuse, type GraphqlState } from './execute.ts'
import { limitsOf, type GraphqlLimits } from './limits.ts'
import type { Links } from './links.ts'
import { schemaOf } from './schema.ts'

export { graphqlDocument } from './schema.ts'
export type { GraphqlLimits } from './limits.ts'
export type { Link, Links } from './links.ts'

export type GraphqlOptions = {
  /** Name in logs and lists. Default `graphql`. */
  readonly name?: string
  /** 0 takes any free port. Default 8090. */
  readonly port?: number
  /** Default 127.0.0.1: this machine only. `0.0.0.0` is everybody. */
  readonly host?: string
  /** Default `/graphql`. */
  readonly path?: string
  /** Which contracts are served. Default: all of the system. */
  readonly contracts?: readonly AnyContract[]
  /** Fields from what one operation answers to what another does: `{ Order: { customer: { contract: Customers, … } } }`. */
  readonly links?: Links
  readonly limits?: Partial<GraphqlLimits>
  /** Whether clients may ask for the schema itself. Default true: it says nothing that `dure docs --format graphql` does not. */
  readonly introspection?: boolean
}

/**
 * Makes a door that serves contracts as GraphQL over HTTP, streams as subscriptions over server-sent events.
 * Opening it throws when the port is in use, when no contract has a query, and for links that lead nowhere.
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
  const { name = 'graphql', host = '127.0.0.1', port = 8090 } = options
  return {
    name,
    open: (doorHost, world) => open(doorHost, world, { ...options, name, host, port }, limits),
    listens: () => ({ kind: 'tcp', host, port }),
  }
}

type Settings = GraphqlOptions & { readonly name: string; readonly host: string; readonly port: number }

async function open(host: DoorHost, world: World, settings: Settings, limits: GraphqlLimits): Promise<OpenDoor> {
  const { name, path = '/graphql', contracts = host.contracts, links, introspection = true } = settings
  const state: GraphqlState = openState({ door: name, limits, world, host })
  const served = new Map(servedOperations(host, contracts).map((one) => [`${one.contract.name}.${one.name}`, one]))
  const schema = schemaOf({
    ...{ contracts, links },
    doorOf: (one) => {
      const place = `${one.contract.name}.${one.name}`
      return operationDoor(served.get(place)!, state, `GraphQL ${place}`)
    },
  })
  const answer = executor({ state, schema, documents: createDocuments(schema, { limits, introspection }) })

  const server = createServer(
    { maxHeaderSize: 16 * 1024, requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 65_000 },
    (request, response) => {
      const at = request.url!.indexOf('?')
      if ((at === -1 ? request.url! : request.url!.slice(0, at)) !== path) return lost(response, path)
      const refusal = admit(state)
      if (refusal !== undefined) return refuse(response, state, refusal, state.world.runtime.ids.next())
      response.once('close', () => void state.calls--)
      void answer(request, response)
    },
  )
  const address = await listen(server, settings, world.sockets?.get(name))
  let closed: Promise<void> | undefined
  return {
    url: `${address}${path}`,
    close: ({ timeout, replaced = false } = {}) =>
      (closed ??= closeDoor(state, {
        timeout,
        letGo: replaced ? () => stopListening(server) : undefined,
        close: async () => {
          const gone = stopListening(server)
          server.closeIdleConnections()
          await gone
          server.close()
        },
        cut: () => server.closeAllConnections(),
      })),
  }
}

function lost(response: ServerResponse, path: string): void {
  const body = JSON.stringify({ errors: [{ message: `Nothing is served there; GraphQL is at "${path}"` }] })
  response.writeHead(404, { 'content-type': 'application/json; charset=utf-8' }).end(body)
}

/** An HTTP server's own `close` also ends what is idle; this is the half of it that only stops listening. */
function stopListening(server: Server): Promise<void> {
  return new Promise((resolve) => void Listener.prototype.close.call(server, () => resolve()))
}

/** Resolves with the address. @throws {Error} that says what stood in the way and what to do */
function listen(server: Server, { host, port }: Settings, handed: number | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', ({ code, message }: NodeJS.ErrnoException) => {
      const why = code === 'EADDRINUSE' ? 'the port is in use; choose another with `port`' : message
      reject(new Error(`Cannot listen on ${host}:${port}: ${why}`))
    })
    server.listen(handed === undefined ? { host, port } : { fd: handed }, () => {
      const { address, port, family } = server.address() as { address: string; port: number; family: string }
      resolve(`http://${family === 'IPv6' ? `[${address}]` : address}:${port}`)
    })
  })
}
