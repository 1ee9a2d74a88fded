import { Client, type ClientConfig, type QueryConfig } from 'pg'
import { endsSession, settingsOf, sqlState } from '../../store/store.ts'
import { SETTINGS, type Session } from '../session.ts'

export type Control = Session & {
  /** Its server process. */
  readonly pid: number
  /** One statement that may take its time. When the signal aborts the connection ends, and with it the statement. */
  readonly slowly: (text: string, signal: AbortSignal) => Promise<unknown>
}

/** What connecting may take, and the first words. */
export const BEGINNING = 10_000
/** What a statement may take that does not say otherwise. */
const STATEMENT_TIMEOUT = 20_000

/**
 * The ordinary connection beside the one that the log comes on: it looks after the slot, the leases and the rows. It is
 * also how a server that is shut down is noticed, which would wait for the log to be read to its end otherwise.
 */
export async function openControl(options: { readonly connection: ClientConfig; readonly name: string }): Promise<Control> {
  const { connection, name } = options
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

  const run =
    (timeout: number | undefined): Session['query'] =>
    async (text, values = []) => {
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
    const text = `${settingsOf(connection)}; ${SETTINGS}`
    await client.query({ text, query_timeout: connection.connectionTimeoutMillis ?? BEGINNING } as QueryConfig)
  } catch (error) {
    client.end().catch(() => {})
    throw error
  }
  return {
    pid: (client as unknown as { readonly processID: number }).processID,
    query: run(STATEMENT_TIMEOUT),
    slowly: async (text, signal) => {
      const abort = (): void => {
        stream.destroy()
      }
      signal.addEventListener('abort', abort)
      try {
        if (signal.aborted) throw signal.reason
        return await run(undefined)(text)
      } finally {
        signal.removeEventListener('abort', abort)
      }
    },
    over,
    end: () => client.end().catch(() => {}),
  }
}
