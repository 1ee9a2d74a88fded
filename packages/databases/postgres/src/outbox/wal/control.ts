import { Client, type ClientConfig, type QueryConfig } from 'pg'
import { endsSession, settingsOf, sqlState, type Settings } from '../../store/store.ts'
import type { Query, RawRow } from '../rows.ts'

export type Control = {
  readonly query: Query
  /** One statement that may take its time. When the signal aborts the connection ends, and with it the statement. */
  readonly slowly: (text: string, values: readonly unknown[], signal: AbortSignal) => Promise<unknown>
  /** Settles when the session is over; never rejects. */
  readonly over: Promise<unknown>
  readonly end: () => Promise<void>
}

/** What connecting may take, and the first words. */
export const BEGINNING = 10_000
/** What a statement may take that does not say otherwise. */
const STATEMENT_TIMEOUT = 20_000

/** An ordinary connection beside the one that the log comes on, as the role that may read it: it looks after the slot. */
export async function openControl(options: {
  readonly connection: ClientConfig
  readonly name: string
  readonly settings?: Settings
}): Promise<Control> {
  const { connection, name, settings } = options
  const client = new Client({
    connectionTimeoutMillis: BEGINNING,
    ...connection,
    application_name: name,
    keepAlive: true,
    pipeline: true,
  })
  const { promise: over, resolve: finish } = Promise.withResolvers<unknown>()
  const { stream } = (client as unknown as { readonly connection: { readonly stream: { readonly destroy: () => void } } })
    .connection
  client.on('error', finish)
  client.on('end', () => finish(new Error('the connection ended')))

  const run = async (text: string, values: readonly unknown[], timeout?: number): Promise<readonly RawRow[]> => {
    try {
      const query = { text, values: [...values], rowMode: 'array' as const, query_timeout: timeout }
      return (await client.query<(string | number | null)[]>(query)).rows
    } catch (error) {
      // What the server refuses has been said; anything else is the connection's end.
      if (sqlState(error) === undefined || endsSession(error)) finish(error)
      throw error
    }
  }

  try {
    await client.connect()
    const query_timeout = connection.connectionTimeoutMillis ?? BEGINNING
    await client.query({ text: settingsOf(connection, settings), query_timeout } as QueryConfig)
  } catch (error) {
    client.end().catch(() => {})
    throw error
  }
  return {
    query: (text, values = []) => run(text, values, STATEMENT_TIMEOUT),
    slowly: async (text, values, signal) => {
      const abort = (): void => {
        stream.destroy()
      }
      signal.addEventListener('abort', abort)
      try {
        signal.throwIfAborted()
        return await run(text, values)
      } finally {
        signal.removeEventListener('abort', abort)
      }
    },
    over,
    end: () => client.end().catch(() => {}),
  }
}
