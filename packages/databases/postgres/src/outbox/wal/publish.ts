import { CallError } from 'dure/contract'
import type { OutboxMessage } from 'dure/data'
import { realRuntime, type Runtime } from 'dure/runtime'
import { messageOf, type NewMessage } from '../publish.ts'
import { payloadOf, prefixOf } from './payload.ts'
import { slotOfService } from './slots.ts'

/** What publishing needs of `pg`: a client inside a transaction of the caller's. */
type Querying = { readonly query: (text: string, values: unknown[]) => Promise<unknown> }

export type WalPublisherOptions = {
  /** The service's name: the messages' `source`, and what its relay (`walRelay({ service })`) knows them by. */
  readonly service: string
  /** The slot of the relay, if it has a name of its own. */
  readonly slot?: string
  readonly runtime?: Pick<Runtime, 'clock' | 'ids'>
}

/**
 * The outbox without a table, of one database: messages are written into the log with the caller's transaction, sent if and only if it
 * commits. They are nowhere else, so each call asks whether the relay's slot holds the log for them.
 * @returns a function that throws {CallError} INVALID_ARGUMENT when a message is wrong, FAILED_PRECONDITION when there is no slot that would keep it; the transaction is then to be rolled back
 */
export function createWalPublisher(
  options: WalPublisherOptions,
): (client: Querying, ...messages: readonly NewMessage[]) => Promise<void> {
  const { service, runtime = realRuntime() } = options
  let slot = options.slot
  return async (client, ...messages) => {
    const written = messages.map((message) => messageOf(message, service, runtime))
    const rowsOf = async (text: string, values: unknown[]): Promise<readonly Record<string, unknown>[]> =>
      ((await client.query(text, values)) as { readonly rows: readonly Record<string, unknown>[] }).rows
    slot ??= (
      await slotOfService(
        async (text, values = []) => (await rowsOf(text, [...values])).map((row) => Object.values(row) as string[]),
        service,
      )
    ).slot
    for (const { text, values } of emitsOf(written, service, slot)) {
      if ((await rowsOf(text, [...values])).length === 0) throw unkept(service, slot)
    }
  }
}

/** Nothing is written when the slot is not there, or is lost. */
export function emitsOf(
  messages: readonly OutboxMessage[],
  service: string,
  slot: string,
  mark: 'question' | 'dollar' = 'dollar',
): readonly { readonly text: string; readonly values: readonly string[] }[] {
  const emits = []
  for (let from = 0; from < messages.length; from += MESSAGES) {
    const text = mark === 'question' ? EMIT.replaceAll(/\$\d/g, '?') : EMIT
    emits.push({ text, values: [prefixOf(service), payloadOf(messages.slice(from, from + MESSAGES)), slot] })
  }
  return emits
}

export function unkept(service: string, slot: string): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `Publishing for service "${service}" failed: there is no replication slot "${slot}" that would keep it, or it is lost. To do: start the service's log relay`,
    { inside: true },
  )
}

/** Messages in one piece of the log, at most. */
const MESSAGES = 64
const EMIT = `SELECT pg_logical_emit_message(true, $1, $2) AS place FROM pg_replication_slots WHERE slot_name = $3 AND wal_status <> 'lost'`
