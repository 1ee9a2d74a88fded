import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { Connection } from './connection.ts'
import { notLocked, pooled } from './errors.ts'

/**
 * Keeps a store to one process: a lock of the server's that a session holds, so that the server frees it however the
 * process ends. A new owner first ends every writing session of the old one, and a writing session is only begun where
 * the lock is still held; so of a process that was cut off and believes itself the owner not a statement gets through.
 */
export type StoreLock = {
  /** @throws {CallError} UNAVAILABLE while the lock is lost */
  readonly check: () => void
  /** Checks at the server, on a writing session that has just been begun. */
  readonly admit: (writer: Connection) => Promise<void>
  /** The session that holds the lock, and the timeline of the server it is with. Undefined while the lock is lost. */
  readonly held: () => HeldLock | undefined
  /** Resolves with a session that holds the lock, or undefined when there is none in time. */
  readonly regained: (timeout: number) => Promise<Connection | undefined>
  /** Ends a session of the store's own at the server, whatever it is doing. */
  readonly terminate: (pid: number) => void
  readonly stop: () => Promise<void>
}

export type HeldLock = {
  readonly session: Connection
  /** As in pg_control_checkpoint: another one means another server. */
  readonly timeline: number
}

/** Milliseconds between attempts to get the lock back, and how long the end of a killed owner may take to be noticed. */
const [PAUSE, NOTICED] = [100, 5_000]
/** Milliseconds between signs of life of the session that holds the lock, and that one may take. */
const PULSE = 5_000

const TAKE = `SELECT pg_try_advisory_lock(hashtextextended('dure/' || current_schema(), 0)) AS taken`
const HOLDER = `
  SELECT activity.pid, activity.application_name AS application, coalesce(host(activity.client_addr), 'local') AS address
  FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
  WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
    AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (held.classid::bigint << 32 | held.objid::bigint) = hashtextextended('dure/' || current_schema(), 0)`
const ADMITTED = `
  SELECT 1 AS held FROM (${HOLDER}) AS holder JOIN pg_stat_activity AS activity USING (pid)
  WHERE pid = $1 AND backend_start::text = $2`
const OTHERS = `
  SELECT pid, pg_terminate_backend(pid) AS asked FROM pg_stat_activity
  WHERE usename = session_user AND datname = current_database() AND application_name = $1 AND pid <> pg_backend_pid()`
const STARTED = `
  SELECT backend_start::text AS started, (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline
  FROM pg_stat_activity WHERE pid = pg_backend_pid()`

/**
 * @param options.connect begins a session
 * @param options.writers the application name of writing sessions
 * @param options.silence milliseconds of silence after which a session that is being begun is given up
 * @param options.lost called when the lock is lost: every writing session is to be ended
 * @throws {CallError} FAILED_PRECONDITION when another process has the store and keeps it
 */
export async function takeStoreLock(options: {
  readonly service: string
  readonly connect: () => Promise<Connection>
  readonly writers: string
  readonly silence: number
  readonly runtime: Runtime
  readonly log: Logger
  readonly lost: (reason: unknown) => void
}): Promise<StoreLock> {
  const { service, connect, writers, silence, runtime, log, lost } = options
  const { timers, clock } = runtime
  const stopping = new AbortController()
  let held: (HeldLock & { readonly started: string }) | undefined
  let waiters: ((session: Connection | undefined) => void)[] = []

  /** Undefined when another process has it. */
  const take = async (): Promise<string | undefined> => {
    const session = await connect()
    return session.heard(silence, () => takeOn(session))
  }

  const takeOn = async (session: Connection): Promise<string | undefined> => {
    try {
      const until = clock.monotonic() + NOTICED
      let [row] = (await session.query(TAKE)).rows
      while (row?.['taken'] !== 1) {
        if (clock.monotonic() > until || stopping.signal.aborted) {
          const [holder] = (await session.query(HOLDER)).rows
          await session.end()
          return holder === undefined
            ? 'unknown'
            : `server process ${holder['pid']}, "${holder['application']}", from ${holder['address']}`
        }
        await timers.sleep(PAUSE, stopping.signal)
        ;[row] = (await session.query(TAKE)).rows
      }
      // What the old owner had under way ends now, before anything of ours begins.
      while ((await session.query(OTHERS, [writers])).rows.length > 0 && !stopping.signal.aborted) await timers.sleep(5)
      const [own] = (await session.query(STARTED)).rows
      held = { session, started: String(own?.['started']), timeline: Number(own?.['timeline']) }
      void session.over.then((reason) => lose(session, reason))
      beat(session)
      for (const waiter of waiters.splice(0)) waiter(session)
      return undefined
    } catch (error) {
      session.destroy(error)
      throw error
    }
  }

  /** A session whose server is gone without a word is found out. */
  const beat = (session: Connection): void => {
    timers.after(PULSE, () => {
      if (held?.session !== session || stopping.signal.aborted) return
      const again = (): void => beat(session)
      // It may have been cancelled; what ends the session is told by `over`.
      session.heard(PULSE, () => session.command('SELECT 1')).then(again, again)
    })
  }

  const lose = (session: Connection, reason: unknown): void => {
    if (held?.session !== session || stopping.signal.aborted) return
    held = undefined
    log.warn('The hold on a store was lost with its connection; nothing is written until it is regained', {
      service,
      error: reason,
    })
    lost(reason)
    void regain()
  }

  const regain = async (): Promise<void> => {
    for (let told = false; held === undefined && !stopping.signal.aborted;) {
      try {
        const holder = await take()
        if (holder === undefined) return log.info('The hold on a store was regained', { service })
        if (!told) log.error('A store is in use by another process now; nothing is written', { service, holder })
        told = true
      } catch {
        // The server is not back yet.
        await timers.sleep(PAUSE, stopping.signal)
      }
    }
  }

  const holder = await take()
  if (holder !== undefined) throw notLocked(service, holder)

  const check = (): void => {
    if (held === undefined) throw notLocked(service, undefined)
  }
  return {
    check,
    admit: async (writer) => {
      check()
      const { session, started } = held!
      if (writer.pid === session.pid) throw pooled(service)
      const { rows } = await writer.heard(silence, () => writer.query(ADMITTED, [session.pid, started]))
      if (rows.length === 0) throw notLocked(service, undefined)
    },
    held: () => held,
    regained: (timeout) => {
      if (held !== undefined) return Promise.resolve(held.session)
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
    terminate: (pid) => void held?.session.query(`${OTHERS} AND pid = $2`, [writers, pid]).catch(() => {}),
    stop: async () => {
      stopping.abort()
      for (const waiter of waiters.splice(0)) waiter(undefined)
      await held?.session.end()
    },
  }
}
