import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { isSilence, type Connection } from './connection.ts'

/**
 * A session that is there while a process has a store open, and keeps nothing from anybody. A transaction that began under it, and
 * whose COMMIT was not answered, is looked up on it: that it still lives shows that the server has not crashed since.
 */
export type Witness = {
  /** Undefined while it is lost. */
  readonly present: () => Present | undefined
  /** Resolves with its session, or undefined when there is none in time. */
  readonly awaited: (timeout: number) => Promise<Connection | undefined>
  /** Ends a writing session of this process at the server, whatever it is doing. */
  readonly terminate: (pid: number) => void
  readonly stop: () => Promise<void>
}

export type Present = {
  readonly session: Connection
  /** As in pg_control_checkpoint: another one means another server. */
  readonly timeline: number
}

/** Milliseconds between attempts to get it back. */
const PAUSE = 100
/** Milliseconds between its signs of life, and that one may take. */
const PULSE = 5_000

/** Ends a writing session (`$1`: what those of this process are called, `$2`: the server's process); answers whether it is there. */
export const TERMINATE = `
  SELECT pg_terminate_backend(pid) AS asked FROM pg_stat_activity
  WHERE usename = session_user AND datname = current_database() AND application_name = $1 AND pid = $2`
const TIMELINE = 'SELECT timeline_id AS timeline FROM pg_control_checkpoint()'

/**
 * @param options.connect begins a session
 * @param options.writers the application name of this process's writing sessions
 * @param options.silence milliseconds of silence after which a session that is being begun is given up
 * @param options.silent called when the server has said nothing for too long: it says nothing to others either
 */
export async function openWitness(options: {
  readonly service: string
  readonly connect: () => Promise<Connection>
  readonly writers: string
  readonly silence: number
  readonly runtime: Runtime
  readonly log: Logger
  readonly silent: (reason: unknown) => void
}): Promise<Witness> {
  const { service, connect, writers, silence, runtime, log, silent } = options
  const { timers } = runtime
  const stopping = new AbortController()
  let present: Present | undefined
  let waiters: ((session: Connection | undefined) => void)[] = []

  const begin = async (): Promise<void> => {
    const session = await connect()
    try {
      const [row] = (await session.heard(silence, () => session.query(TIMELINE))).rows
      if (stopping.signal.aborted) return await session.end()
      present = { session, timeline: Number(row?.['timeline']) }
    } catch (error) {
      session.destroy(error)
      throw error
    }
    void session.over.then((reason) => lose(session, reason))
    beat(session)
    for (const waiter of waiters.splice(0)) waiter(session)
  }

  /** A session whose server is gone without a word is found out. */
  const beat = (session: Connection): void => {
    timers.after(PULSE, () => {
      if (present?.session !== session || stopping.signal.aborted) return
      const again = (): void => beat(session)
      // It may have been cancelled; what ends the session is told by `over`.
      session.heard(PULSE, () => session.command('SELECT 1')).then(again, again)
    })
  }

  const lose = (session: Connection, reason: unknown): void => {
    if (present?.session !== session || stopping.signal.aborted) return
    present = undefined
    log.warn('The session that looks up lost commits of a store was lost, and is begun again', { service, error: reason })
    if (isSilence(reason)) silent(reason)
    void beginAgain()
  }

  const beginAgain = async (): Promise<void> => {
    while (present === undefined && !stopping.signal.aborted) {
      // The server is not back yet.
      await begin().catch(() => timers.sleep(PAUSE, stopping.signal))
    }
    if (present !== undefined) log.info('The session that looks up lost commits of a store is there again', { service })
  }

  await begin()
  return {
    present: () => present,
    awaited: (timeout) => {
      if (present !== undefined) return Promise.resolve(present.session)
      if (stopping.signal.aborted) return Promise.resolve(undefined)
      return new Promise((resolve) => {
        const timer = timers.after(timeout, () => {
          waiters = waiters.filter((waiter) => waiter !== answer)
          resolve(undefined)
        })
        const answer = (session: Connection | undefined): void => {
          timer.cancel()
          resolve(session)
        }
        waiters.push(answer)
      })
    },
    terminate: (pid) => void present?.session.query(TERMINATE, [writers, pid]).catch(() => {}),
    stop: async () => {
      stopping.abort()
      for (const waiter of waiters.splice(0)) waiter(undefined)
      await present?.session.end()
    },
  }
}
