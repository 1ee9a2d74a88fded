import { CallError } from 'dure/contract'
import { Client, Pool, type ClientBase, type ClientConfig, type QueryConfig, type QueryResult } from 'pg'
import { addressOf, endsSession, explain, settingsOf } from '../store/store.ts'

/** What `pg` connects to a database with. */
export type DatabaseConfig = string | ClientConfig

/** A database, the sessions with it, and which it is, whoever asks under whatever address. */
export type Database = {
  /** Its name, for people. */
  readonly name: string
  readonly identity: string
  readonly borrow: () => Promise<ClientBase & { readonly release: (destroy?: boolean) => void }>
  /** One statement outside a transaction; a server that does not answer in time is held for gone. */
  readonly query: (text: string, values?: readonly unknown[]) => Promise<QueryResult<Record<string, unknown>>>
  /** In words, where it is the server's or the network's. */
  readonly explained: (error: unknown) => unknown
  readonly end: () => Promise<void>
}

/** @throws {CallError} when it cannot be reached, in words */
export async function openDatabase(config: DatabaseConfig, timeout: number, max = 10): Promise<Database> {
  const given = typeof config === 'string' ? { connectionString: config } : config
  const pool = (): Pool => {
    const made = new Pool({
      ...{ connectionTimeoutMillis: timeout, application_name: 'dure two-phase', keepAlive: true, max, ...given },
      onConnect: (client) => client.query(settingsOf(given)) as unknown as void,
    })
    // Who has a session hears that it is lost by his statement.
    made.on('error', () => {})
    made.on('connect', (client) => void client.on('error', () => {}))
    return made
  }
  // All sessions may be waiting for what is in doubt.
  const [sessions, control] = [pool(), pool()]
  const end = async (): Promise<void> => void (await Promise.all([sessions.end(), control.end()]))
  const query: Database['query'] = async (text, values = []) => {
    const client = await control.connect().catch((error: unknown) => {
      unsent.add(error as object)
      throw error
    })
    let lost = true
    try {
      const answer = await client.query({ text, values: [...values], query_timeout: timeout } as QueryConfig)
      lost = false
      return answer as Awaited<ReturnType<Database['query']>>
    } catch (error) {
      lost = unanswered(error)
      throw error
    } finally {
      client.release(lost)
    }
  }
  const { host, port, database, user } = new Client(given)
  const explained = (error: unknown): unknown =>
    explain(error, 'A two-phase transaction', addressOf({ host, port, database, user }))
  try {
    const { rows } = await query(
      `SELECT current_database() AS name, system_identifier || '-' || oid AS identity
       FROM pg_control_system(), pg_database WHERE datname = current_database()`,
    )
    const [{ name, identity } = {}] = rows
    return { name: String(name), identity: String(identity), borrow: () => sessions.connect(), query, explained, end }
  } catch (error) {
    await end()
    throw explained(error)
  }
}

/** Errors of statements that never left this process. */
const unsent = new WeakSet()

/** The server may have done it all the same: it did not say no. */
export function unanswered(error: unknown): boolean {
  return !unsent.has(error as object) && (endsSession(error) || (error as Error | undefined)?.message === 'Query read timeout')
}

/** For what failed before anything was kept: nothing was, whatever the cause. */
export function aborted(why: string, advice: string, cause?: unknown): CallError {
  return new CallError('ABORTED', `Committing a two-phase transaction failed: ${why}. Nothing of it is kept. To do: ${advice}`, {
    cause,
    inside: true,
  })
}
