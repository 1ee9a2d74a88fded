import { CallError } from 'dure/contract'
import type { OutboxMessage, SqlStore } from 'dure/data'
import { createMember, sqlRecords, type Aside } from 'dure/data/internal'
import { type DeadLetters } from 'dure/messaging'
import { deadLetters, openAside, type OutboxAside } from 'dure/messaging/internal'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { Pool, type ClientConfig } from 'pg'
import { transactionOn } from '../inbox.ts'
import { uniqueName } from '../names.ts'
import { SERVER_TIME } from '../store/store.ts'
import { deadLetterSchema } from './schema.ts'

/** What a relay by itself sets aside, beside the outbox: in the same tables as a service's dead letters. */
export type Letters = {
  readonly deadLetters: DeadLetters
  readonly aside: Aside
  /** `deliver`, counted. */
  readonly deliver: (messages: readonly OutboxMessage[]) => Promise<void>
  readonly stop: () => Promise<void>
}

export function createLetters(options: {
  readonly connection: ClientConfig
  /** The dead letters are those of the consumer `<name>/outbox`. */
  readonly name: string
  readonly runtime: Runtime
  readonly log: Logger
  readonly deliver: (messages: readonly OutboxMessage[]) => Promise<void>
  readonly patience?: number | undefined
}): Letters {
  const { connection, name, runtime, log, patience } = options
  const pool = new Pool({
    application_name: uniqueName('application', 'dure', 'letters', name),
    ...connection,
    max: 2,
    allowExitOnIdle: true,
  })
  // A connection that is lost says so to whoever has it as well.
  pool.on('error', () => {})
  const store = storeOn(pool, name)
  let taken = 0
  let opened: OutboxAside | undefined
  let stopping: Promise<void> | undefined
  const deliver = async (messages: readonly OutboxMessage[]): Promise<void> => {
    await options.deliver(messages)
    taken += messages.length
  }
  const open = async (): Promise<OutboxAside> => {
    const [row] = await store.select(
      "SELECT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('dure_parked') AND attname = 'revision') AS made",
    )
    if (!row?.['made']) await store.transaction((tx) => tx.run(deadLetterSchema))
    return openAside({
      ...{ store, runtime, log, deliver, taken: () => taken },
      ...(patience === undefined ? {} : { patience }),
    })
  }
  const need = (): OutboxAside => {
    if (opened !== undefined) return opened
    throw new CallError(
      'FAILED_PRECONDITION',
      `Setting a message of the outbox "${name}" aside failed: its tables are not there. To do: run deadLetterSchema, or let the relay's role make tables`,
    )
  }

  return {
    deadLetters: deadLetters({ store, runtime, changed: () => void opened?.reload().catch(() => {}) }),
    deliver,
    aside: {
      empty: () => opened?.empty() ?? true,
      behind: (rows) => need().behind(rows),
      // Nobody is refused for good who cannot be kept.
      final: (error) => opened?.final(error) ?? false,
      doubtful: () => opened?.doubtful() ?? true,
      put: async (messages, how) => need().put(messages, how),
      reload: async () => {
        if (opened !== undefined) return opened.reload()
        try {
          opened = await open()
        } catch (error) {
          // No right to make tables: as without them, then. Anything else is trouble with the connection.
          if ((error as { readonly code?: unknown } | null)?.code !== '42501') throw error
          log.warn('The relay of the outbox can set nothing aside: its role may not make tables. To do: run deadLetterSchema', {
            relay: name,
            error,
          })
        }
      },
    },
    stop: () => (stopping ??= Promise.resolve(opened?.stop()).then(() => pool.end())),
  }
}

function storeOn(pool: Pool, service: string): Pick<SqlStore, 'service' | 'sharing' | 'records' | 'select' | 'transaction'> {
  const { all: select } = transactionOn(pool)
  return {
    service,
    sharing: 'shared',
    records: sqlRecords({ select }, SERVER_TIME),
    select,
    transaction: async (work) => {
      const client = await pool.connect()
      const { tx, end } = createMember({ ...transactionOn(client), kysely: noKysely })
      let lost: unknown
      try {
        await client.query('BEGIN')
        const value = await work(tx)
        await client.query('COMMIT')
        return value
      } catch (error) {
        await client.query('ROLLBACK').catch((reason: unknown) => (lost = reason))
        throw error
      } finally {
        end('its work is over')
        client.release(lost !== undefined)
      }
    },
  }
}

function noKysely(): never {
  throw new CallError('UNIMPLEMENTED', 'Beginning a typed query failed: an outbox that is used alone has no tables of its own')
}
