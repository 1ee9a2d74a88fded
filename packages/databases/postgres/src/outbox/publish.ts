import { CallError } from 'dure/contract'
import { wrongOf } from 'dure/contract/internal'
import type { OutboxMessage } from 'dure/data'
import { realRuntime, type Runtime } from 'dure/runtime'
import { CHANNEL } from './names.ts'
import { publishStatements } from './statements.ts'

/** A message as an application without the chassis says it. */
export type NewMessage = {
  /** The event's (or queue's) name. */
  readonly type: string
  /** Messages of one key keep the order of their commits. */
  readonly key: string
  /** Anything that JSON can say. */
  readonly data: unknown
  /** Default 'topic'. */
  readonly destination?: 'topic' | 'queue'
  /** Milliseconds until a queue shows it. */
  readonly delay?: number
  /** What consumers deduplicate by. Default a new UUIDv7. */
  readonly id?: string
  /** Version of the data's schema. Default 1. */
  readonly schemaVersion?: number
  /** One id for everything that follows from one request. Default the message's own id. */
  readonly correlationId?: string
  readonly causationId?: string
  readonly traceparent?: string
}

/** What publishing needs of `pg`: a client inside a transaction of the caller's. */
export type Querying = { readonly query: (text: string, values: unknown[]) => Promise<unknown> }

/**
 * Writes messages in the caller's own transaction: sent if and only if it commits. Call it last, once for all messages
 * of the transaction: from here to the commit, others who publish the same keys wait.
 * @throws {CallError} INVALID_ARGUMENT when a message is wrong, or `pg`'s error; either way the transaction is to be rolled back
 */
export type Publish = (client: Querying, ...messages: readonly NewMessage[]) => Promise<void>

export type PublisherOptions = {
  /** The application's name: the messages' `source`. */
  readonly source: string
  /**
   * Whether the commit notifies relays in other processes (default true). While it does, PostgreSQL commits the
   * notifying transactions of the whole server one after another. With many a second, say false: then a relay in
   * another process finds them by looking (its `poll`).
   */
  readonly notify?: boolean
  readonly runtime?: Pick<Runtime, 'clock' | 'ids'>
}

/**
 * The outbox for an application with `pg` and transactions of its own; its tables are `outboxSchema`.
 *
 * @example
 * ```ts
 * import { createPublisher } from '@dure/postgres/outbox'
 *
 * const publish = createPublisher({ source: 'shop' })
 * const client = { query: async () => ({ rowCount: 1 }) } // yours: `pg`'s, after BEGIN
 * console.log(await publish(client, { type: 'order.placed', key: 'a', data: { id: 1 } })) // → undefined
 * ```
 */
export function createPublisher(options: PublisherOptions): Publish {
  const { source, notify = true, runtime = realRuntime() } = options
  return async (client, ...messages) => {
    const written = messages.map((message) => messageOf(message, source, runtime))
    let rows = 0
    for (const { text, values } of publishStatements(written)) {
      rows += ((await client.query(text, [...values])) as { readonly rowCount?: number | null }).rowCount ?? 0
    }
    // Who reads the log is told by the log.
    if (notify && rows > 0) await client.query(`SELECT pg_notify(${CHANNEL}, $1)`, [''])
  }
}

export function messageOf(given: NewMessage, source: string, { clock, ids }: Pick<Runtime, 'clock' | 'ids'>): OutboxMessage {
  const { destination = 'topic', delay, id = ids.next(), schemaVersion = 1 } = given
  const data = JSON.stringify(given.data)
  const message: OutboxMessage = {
    id,
    source,
    type: given.type,
    key: given.key,
    time: clock.now(),
    schemaVersion,
    correlationId: given.correlationId ?? id,
    causationId: given.causationId,
    traceparent: given.traceparent,
    data: data ?? 'null',
    destination,
    ...(delay === undefined ? {} : { delay }),
  }
  const wrong = wrongOf(message)
  if (wrong !== undefined) throw new CallError('INVALID_ARGUMENT', `Publishing "${given.type}" failed: ${wrong}`)
  return message
}
