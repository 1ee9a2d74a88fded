import type { Runtime, Timer } from 'dure/runtime'
import type { Connection } from './connection.ts'

/**
 * Connections, at most so many, and a bounded queue for them, first come first served. Broken ones go; when no
 * connection can be made, whoever waits is told at once, and the next one asks again.
 */
export type Pool = {
  /** @throws what connecting failed with; what `full` or `closed` give */
  readonly borrow: () => Promise<Connection>
  /** Gives it back, in or out of a transaction or broken as it may be. */
  readonly giveBack: (connection: Connection, options?: { readonly destroy?: boolean }) => void
  /** Ends every connection now, those in use as well. */
  readonly destroyAll: (reason: unknown) => void
  readonly status: () => PoolStatus
  /** Refuses who waits and ends every connection now: a stop waits for nobody any more. */
  readonly cutOff: () => void
  /** Refuses what is new, waits until all are given back, and ends them. */
  readonly stop: () => Promise<void>
}

export type PoolStatus = { readonly open: number; readonly idle: number; readonly waiting: number }

type Waiter = { readonly resolve: (connection: Connection) => void; readonly reject: (error: unknown) => void }

/**
 * Connections made at a time. The server starts a process for each: all at once they would all be late, and who waits is served by
 * the first that is there.
 */
const OPENING = 2

export function createPool(options: {
  readonly connect: () => Promise<Connection>
  readonly size: number
  readonly waiting: number
  /** Milliseconds after which a connection that nobody needed is ended. */
  readonly idle?: number
  readonly runtime: Runtime
  readonly full: () => Error
  readonly closed: () => Error
}): Pool {
  const { connect, size, waiting: limit, idle: idleTimeout = 60_000, runtime, full, closed } = options
  const { clock, timers } = runtime
  /** The one that was used last is used next, so that the others come to be idle. */
  let idle: { readonly connection: Connection; readonly since: number }[] = []
  const all = new Set<Connection>()
  const waiters: Waiter[] = []
  let connecting = 0
  let stopped = false
  let cut = false
  let sweeper: Timer | undefined
  let finished: (() => void) | undefined

  const borrow = async (): Promise<Connection> => {
    if (stopped) throw closed()
    const free = idle.pop()
    if (free !== undefined) return free.connection
    const room = size - all.size
    // Whom a connection that is still to be made will serve is not in anybody's way.
    if (waiters.length >= limit + room) throw full()
    return new Promise((resolve, reject) => {
      waiters.push({ resolve, reject })
      next()
    })
  }

  /** Makes one more, for who has waited longest by then: one that is given back may come sooner. */
  const open = async (): Promise<void> => {
    connecting++
    const made = await connect().catch((error: unknown) => ({ error }))
    connecting--
    if ('error' in made) {
      // Nobody else will wake those who wait, but for those whose connections are still being made.
      if (all.size === 0) for (const waiter of waiters.splice(0, waiters.length - connecting)) waiter.reject(made.error)
    } else if (cut) made.destroy(closed())
    else {
      all.add(made)
      void made.over.then(() => lose(made))
      giveBack(made)
      next()
    }
    end()
  }

  /** A connection that ended by itself while nobody used it; one in use is found broken when it is given back. */
  const lose = (connection: Connection): void => {
    const left = idle.filter((each) => each.connection !== connection)
    if (left.length === idle.length) return
    idle = left
    all.delete(connection)
    next()
    end()
  }

  const next = (): void => {
    while (connecting < Math.min(OPENING, waiters.length, size - all.size)) void open()
  }

  const giveBack: Pool['giveBack'] = (connection, { destroy = false } = {}) => {
    if (destroy && connection.broken() === undefined) connection.destroy(new Error('It was given up'))
    if (connection.broken() !== undefined) {
      all.delete(connection)
      next()
      return end()
    }
    const waiter = waiters.shift()
    if (waiter !== undefined) return waiter.resolve(connection)
    idle.push({ connection, since: clock.monotonic() })
    if (stopped) return end()
    sweeper ??= timers.after(idleTimeout, sweep)
  }

  const sweep = (): void => {
    sweeper = undefined
    const old = clock.monotonic() - idleTimeout
    for (const { connection, since } of idle) if (since <= old) dismiss(connection)
    idle = idle.filter(({ since }) => since > old)
    if (idle.length > 0) sweeper = timers.after(idleTimeout, sweep)
  }

  const dismiss = (connection: Connection): void => {
    all.delete(connection)
    connection.end().catch(() => {})
  }

  /** When it is to stop and everything is back. */
  const end = (): void => {
    if (!stopped || (!cut && (connecting > 0 || waiters.length > 0 || all.size > idle.length))) return
    finished?.()
  }

  let stopping: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    stopped = true
    sweeper?.cancel()
    await new Promise<void>((resolve) => {
      finished = resolve
      end()
    })
    const left = idle.splice(0)
    all.clear()
    await Promise.allSettled(left.map(({ connection }) => connection.end()))
  }

  const destroyAll = (reason: unknown): void => {
    for (const connection of all) connection.destroy(reason)
  }

  return {
    borrow,
    giveBack,
    destroyAll,
    cutOff: () => {
      cut = true
      for (const waiter of waiters.splice(0)) waiter.reject(closed())
      destroyAll(closed())
      end()
    },
    status: () => ({ open: all.size, idle: idle.length, waiting: waiters.length }),
    stop: () => (stopping ??= stop()),
  }
}
