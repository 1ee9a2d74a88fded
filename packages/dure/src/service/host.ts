/**
 * What services list beside their handlers (sagas, aggregates, read models, schedules) in an application that is no system of
 * Dure: an Express server with a database of its own, for one. The same parts as in a service, without contract, handlers and doors.
 */
import { Cancellation } from '../call/internal.ts'
import { contract, type AnyEvent } from '../contract/contract.ts'
import { database, type DatabaseDefinition, type DatabaseOf, type SqlTransaction, type Transaction } from '../data/data.ts'
import { servicePrincipal } from '../contract/internal.ts'
import type { Broker, Reach } from '../messaging/messaging.ts'
import { silentLogger, type Logger } from '../telemetry/telemetry.ts'
import type { Extension, ExtensionHost, HandlerContext, JoinedOf, Requesting, StoreAdapter } from './definition.ts'
import { service } from './service.ts'
import { start } from './start.ts'
import { system, type Adapter } from './system.ts'

export type HostOptions<Tables, Extensions extends readonly Extension[]> = {
  /** Of the application, in the names of what is kept. */
  readonly name: string
  /** Where it keeps its data: `postgres({ url: () => DATABASE_URL })` is the application's own database. */
  readonly store: StoreAdapter
  /** Sagas, aggregates, read models, schedules. */
  readonly extensions: Extensions
  /** Tables that the steps of sagas write; `{ migrations: {} }` where the application makes them itself. Default: none. */
  readonly database?: DatabaseDefinition<Tables>
  /** What it publishes. */
  readonly events?: readonly AnyEvent[]
  /** Default: the embedded broker, in `directory`. */
  readonly broker?: Adapter<Broker> & Reach
  /** For files of its own. Default `.dure`. */
  readonly directory?: string
  readonly log?: Logger
}

export type Host<Tables = unknown, Joined = object> = {
  /** Reads, and transactions that have what the extensions join: `tx.begin`, `tx.append`, `tx.publish`. */
  readonly database: DatabaseOf<Tables, Joined & Requesting>
  /** What a handler gets, for one piece of work of at most `timeout` milliseconds (default 30,000): `sales.serving(host.context())`. */
  readonly context: (options?: { readonly timeout?: number }) => HandlerContext<{}, Tables, Joined>
  /** The same as in `database`, over a transaction that somebody else began. @internal */
  readonly bind: (tx: SqlTransaction) => Transaction<unknown> & Joined & Requesting
  /** Asks what the command asks: `host.ask('saga', 'list', {})`. */
  readonly ask: (kind: string, method: string, input?: unknown) => Promise<unknown>
  /** Begins nothing more, and ends what is under way after `timeout` milliseconds (default 10,000); what is left is gone on with at the next start. */
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

/**
 * Opens extensions in an application of your own, which go on where they were before its restart. With a store that is shared any
 * number of processes may do so.
 * @throws {SystemError} for extensions that cannot be in one application; what opening them throws, such as of a saga whose code
 * does not fit instances under way
 *
 * @example
 * ```ts
 * import { sqlite } from 'dure/data'
 * import { hostOf } from 'dure/host'
 * import { saga } from 'dure/saga'
 * import { z } from 'zod'
 *
 * const greeting = saga('greeting', {
 *   input: z.string(),
 *   run: async (s, name) => s.step('greet', { do: () => console.log(`Hello, ${name}`) }), // → Hello, Sori
 * })
 * const host = await hostOf({ name: 'app', store: sqlite(), extensions: [greeting], directory: '.dure/app' })
 * await host.database.transaction((tx) => tx.begin(greeting, 'Sori', { id: '1' }))
 * await host.stop()
 * ```
 */
export async function hostOf<Tables = unknown, const Extensions extends readonly Extension[] = readonly Extension[]>(
  options: HostOptions<Tables, Extensions>,
): Promise<Host<Tables, JoinedOf<Extensions>>> {
  const { name, store, extensions, events = [], broker, directory = '.dure', log = silentLogger() } = options
  let inside: ExtensionHost | undefined
  const open = async (host: ExtensionHost) => {
    inside = host
    return { stop: async () => {} }
  }
  const own = service(contract(name, { version: '1.0.0', owner: name, operations: {}, events }), {
    ...{ store, database: options.database ?? database<Tables>({ migrations: {} }), handlers: {} },
    extensions: [{ kind: { name: 'host', migrations: {}, open }, name }, ...extensions],
  })
  const { ask, stop } = await start(system(name, { services: [own], telemetry: false, ...(broker && { broker }) }), {
    directory,
    log,
  })
  const host = inside!
  const { clock, ids } = host.runtime
  const make = host.contexts({})
  const context = ({ timeout = 30_000 } = {}) => {
    const sentAt = clock.monotonic()
    const from = { causationId: undefined, traceparent: undefined, idempotencyKey: undefined, metadata: undefined }
    const whose = { caller: name, principal: servicePrincipal(name), correlationId: ids.next() }
    const cancellation = new Cancellation()
    return make({ sentAt, deadline: sentAt + timeout, cancellation, ...from, ...whose }, cancellation) as never
  }
  return {
    get database(): never {
      return (context() as { readonly database: never }).database
    },
    context,
    bind: (tx) => {
      const origin = { service: name, correlationId: ids.next(), causationId: undefined, traceparent: undefined }
      return host.bind(tx, origin) as never
    },
    ask: (kind, method, input = {}) => ask(name, { kind, method, input }),
    stop: ({ timeout = 10_000 } = {}) => stop({ timeout }),
  }
}
