import { Client, type ClientConfig, type QueryConfig } from 'pg'
import { settingsOf } from '../../store/store.ts'
import { CHANNEL } from '../names.ts'

/**
 * One connection of a relay's own, on which it reads, deletes, keeps its leases and listens. Statements are sent as they
 * come and answered in that order; the first failure of any kind ends the session, and the relay begins another one.
 */
export type Session = {
  /** Rows as lists of what `pg` makes of the columns. */
  readonly query: (text: string, values?: readonly unknown[]) => Promise<readonly (readonly (string | number | null)[])[]>
  /** Settles when the session is over; never rejects. */
  readonly over: Promise<unknown>
  readonly end: () => Promise<void>
}

/** What a statement of a relay may take: far more than any should, and less than a half-open connection would. */
const STATEMENT_TIMEOUT = 20_000

/**
 * The table is read by its indexes alone: statistics of a table that is empty in one minute and full in the next are
 * worth nothing. Its writes need not be flushed: at worst a delivered row comes a second time.
 */
export const SETTINGS: string = [
  ...['enable_seqscan', 'enable_bitmapscan', 'enable_hashjoin', 'enable_mergejoin', 'synchronous_commit'].map(
    (name) => `SET ${name} = off`,
  ),
  'SET max_parallel_workers_per_gather = 0',
  'SET plan_cache_mode = force_generic_plan',
].join('; ')

/** @param options.notified called with the payload of each notification. @throws when it cannot connect or there is no outbox */
export async function openSession(options: {
  readonly connection: ClientConfig
  readonly name: string
  readonly notified: (payload: string) => void
}): Promise<Session> {
  const { connection, name, notified } = options
  const client = new Client({
    application_name: name,
    connectionTimeoutMillis: 10_000,
    ...connection,
    keepAlive: true,
    pipeline: true,
    query_timeout: STATEMENT_TIMEOUT,
  })
  const { promise: over, resolve: finish } = Promise.withResolvers<unknown>()
  client.on('error', finish)
  client.on('end', () => finish(new Error('the connection ended')))
  client.on('notification', ({ payload }) => notified(payload ?? ''))
  const names = new Map<string, string>()

  const query: Session['query'] = async (text, values = []) => {
    let statement = names.get(text)
    if (statement === undefined) names.set(text, (statement = `dure_relay_${names.size}`))
    try {
      const { rows } = await client.query<(string | number | null)[]>({
        name: statement,
        text,
        values: [...values],
        rowMode: 'array',
      })
      return rows
    } catch (error) {
      // Only who has asked for it is told that something is locked.
      if (!locked(error)) finish(error)
      throw error
    }
  }

  try {
    await client.connect()
    const text = `${settingsOf(connection, { statement_timeout: STATEMENT_TIMEOUT })}; ${SETTINGS}`
    await client.query({ text, query_timeout: connection.connectionTimeoutMillis ?? STATEMENT_TIMEOUT } as QueryConfig)
    const [[channel] = []] = await query(`SELECT ${CHANNEL}`)
    await client.query(`LISTEN ${client.escapeIdentifier(String(channel))}`)
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
  return {
    query,
    over,
    end: () => client.end().catch(() => {}),
  }
}

/** Somebody else has a lock, and a statement was not to wait for it. */
export function locked(error: unknown): boolean {
  return (error as { readonly code?: unknown } | null)?.code === '55P03'
}

/**
 * What removes rows does not wait for whoever has one of them locked, a forgotten session perhaps: it fails soon, and is
 * done again without those (`FOR UPDATE SKIP LOCKED` each time would cost a lock for each row).
 */
export const IMPATIENT = `impatient AS MATERIALIZED (SELECT set_config('lock_timeout', '100', true))`
