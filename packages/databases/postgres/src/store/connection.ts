import type { Socket } from 'node:net'
import { Client, type ClientConfig } from 'pg'
import { settingsOf, type SessionConfig, type Settings } from './session-settings.ts'
import type { SqlValue } from 'dure/data'
import { createBinding, type Binding } from 'dure/data/internal'
import { Batch, type Answer, type PreparedStatements, type Tagged } from './batch.ts'
import { valueTypes } from './values.ts'
import type { StatementNames } from './statements.ts'

export type { Answer } from './batch.ts'

/**
 * One session with the server. Statements are sent as they come, without waiting for the answers of those before
 * (they are answered in order), so that BEGIN costs no journey of its own.
 */
export type Connection = {
  /** The server's process that serves it. */
  readonly pid: number
  /** One statement with `$1` parameters; prepared when it comes often. */
  readonly query: (sql: string, parameters?: readonly unknown[]) => Promise<Answer>
  /** Statements without parameters or rows; answers with the last one's command tag. */
  readonly command: (sql: string) => Promise<string>
  /** What was said before is answered by itself, and what comes behind it as well. */
  readonly part: () => void
  /** Why it cannot be used any more; undefined as long as it can. */
  readonly broken: () => unknown
  /** Settles when the session is over; never rejects. */
  readonly over: Promise<unknown>
  /** While the task runs, a server that says nothing for so many milliseconds is held for gone: the session is destroyed. */
  readonly heard: <T>(silence: number, task: () => Promise<T>) => Promise<T>
  /** Ends it in good order, or at once when the server does not answer. */
  readonly end: () => Promise<void>
  /** Ends it at once, whatever is under way. */
  readonly destroy: (reason: unknown) => void
}

/** Milliseconds for the server to say good-bye. */
const FAREWELL = 1_000

/** The session was given up because its server said nothing. */
class Silence extends Error {
  constructor(silence: number | undefined) {
    super(`Connection terminated: the server was silent for ${silence} ms`)
  }
}

export function isSilence(reason: unknown): boolean {
  return reason instanceof Silence
}

export async function connect(options: {
  readonly config: SessionConfig
  readonly names?: StatementNames | undefined
  /** What statements' parameters may be. */
  readonly binding?: Binding | undefined
  /** Beside those that every session has. */
  readonly settings?: Settings
}): Promise<Connection> {
  const { config, names, settings, binding = createBinding() } = options
  const client = new Client({
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    pipeline: true,
    ...config,
    types: valueTypes as unknown as NonNullable<ClientConfig['types']>,
  })
  const { promise: over, resolve: finish } = Promise.withResolvers<unknown>()
  let broken: unknown
  const breakDown = (reason: unknown): void => {
    broken ??= reason
    finish(broken)
  }
  client.on('error', breakDown)
  client.on('end', () => breakDown(new Error('Connection terminated')))
  const { connection } = client as unknown as { readonly connection: { readonly stream: Socket } }
  const destroy = (reason: unknown): void => {
    breakDown(reason)
    connection.stream.destroy()
  }
  let tasks = 0
  const heard: Connection['heard'] = async (silence, task) => {
    // TLS puts another one in its place before the first task.
    const { stream } = connection
    if (tasks++ === 0 && stream.listenerCount('timeout') === 0) stream.on('timeout', () => destroy(new Silence(stream.timeout)))
    stream.setTimeout(silence)
    try {
      return await task()
    } finally {
      if (--tasks === 0) stream.setTimeout(0)
    }
  }
  const { send, command, part } = createSending(client, connection, names)
  let pid = 0
  try {
    await client.connect()
    // What the connection was told is the pooler's number, where there is one.
    const asked = `${settingsOf(config, settings)}; SELECT pg_backend_pid() AS pid`
    const answers = [await heard(config.connectionTimeoutMillis ?? 0, () => client.query(asked))].flat()
    pid = Number(answers.at(-1)?.rows[0]?.pid)
  } catch (error) {
    client.end().catch(() => {})
    throw error
  }
  return {
    pid,
    query: async (sql, parameters = []) => {
      const { text, bind } = binding.of(sql)
      return send(text, bind(parameters), names?.of(sql))
    },
    command,
    part,
    broken: () => broken,
    over,
    heard,
    end: () => heard(FAREWELL, () => client.end()),
    destroy,
  }
}

/**
 * What is said within one turn goes out in one write, and of a transaction as one batch: BEGIN with the first statement, COMMIT with
 * the last. Outside a transaction each statement is for itself, whatever becomes of those before it.
 */
function createSending(client: Client, connection: { readonly stream: Socket }, names: StatementNames | undefined) {
  const prepared: PreparedStatements = new Map()
  let gathering = false
  let inside = false
  let open: Batch | undefined

  const sendOpen = (): void => {
    if (open !== undefined) client.query(open)
    open = undefined
  }
  const gather = (): void => {
    if (gathering) return
    gathering = true
    const { stream } = connection
    stream.cork()
    process.nextTick(() => {
      gathering = false
      sendOpen()
      stream.uncork()
    })
  }
  // The extended protocol takes one statement at a time: text of several cannot end the transaction.
  const send = (text: string, values: readonly SqlValue[], name: string | undefined): Promise<Tagged> => {
    gather()
    const batch = (open ??= new Batch(prepared))
    const answer = new Promise<Tagged>((resolve, reject) => {
      batch.add({ name, text, values, resolve, reject })
    })
    if (!inside) sendOpen()
    return answer
  }
  const command = async (sql: string): Promise<string> => {
    inside = BEGINS.test(sql) || (inside && !ENDS.test(sql))
    if (!sql.includes(';')) return (await send(sql, [], names?.of(sql))).tag
    gather()
    sendOpen()
    const answer = (await client.query(sql)) as unknown as { command: string } | readonly { command: string }[]
    return 'command' in answer ? answer.command : (answer.at(-1)?.command ?? '')
  }
  return { send, command, part: sendOpen }
}

const BEGINS = /^begin\b/i
const ENDS = /^(?:commit|rollback)$/i
