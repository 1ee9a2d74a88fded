import type { Timer } from '../../runtime/runtime.ts'
import { backoff } from '../../runtime/internal.ts'
import { SupervisorError } from './errors.ts'
import type { ListeningSockets } from './listening-sockets.ts'
import { launch, type Launched } from './launch.ts'
import type { ProcessOptions, SupervisorOptions } from './options.ts'

/** A process that is kept running: by another one when it falls over, and by a fresh one when it is to be replaced. */
export type ManagedProcess = {
  readonly name: string
  /** Has its program loaded, so that the start itself is quick. */
  readonly load: () => void
  /** Resolves with what it said when it got ready. @throws {SupervisorError} when it ends instead */
  readonly start: () => Promise<unknown>
  readonly replace: () => Promise<void>
  readonly stop: () => Promise<void>
  readonly pid: () => number | undefined
  readonly thread: () => number | undefined
  /** Of the one that runs, and of the one that is to take its place. */
  readonly pids: () => readonly number[]
  readonly restarts: () => number
}

/** Milliseconds a process must have been ready for its next fall to count as a first one. */
const STABLE = 10_000
const BACKOFF = { first: 100, max: 10_000 }

export function createManagedProcess(
  options: SupervisorOptions & {
    readonly process: ProcessOptions
    /** The sockets it listens on; undefined when it has none, or they cannot be shared. */
    readonly sockets: ListeningSockets | undefined
    readonly onPid: () => void
  },
): ManagedProcess {
  const { process: what, sockets, runtime, onPid, onEvent, readiness = 60_000 } = options
  const { name } = what
  // Two of it can listen at the same time only on a socket that belongs to neither.
  const overlaps = what.overlaps === true && (sockets !== undefined || (what.sockets ?? []).length === 0)
  const { clock, timers, random } = runtime
  let current: Launched | undefined
  let coming: Launched | undefined
  let restarts = 0
  let falls = 0
  let stopping = false
  let again: Timer | undefined
  /** One replacement at a time, and none while it starts again after a fall. */
  let busy: Promise<void> = Promise.resolve()

  const begin = (): Launched => launch({ ...options, onSilence: () => onEvent?.({ kind: 'silent', name }) })
  const readyInTime = (one: Launched): Promise<unknown> => one.ready.finally(timers.after(readiness, one.kill).cancel)

  /** From now on this one is the process; when it ends and nobody wanted that, there will be another. */
  const watch = (one: Launched): void => {
    current = one
    onPid()
    let readyAt = Number.POSITIVE_INFINITY
    one.ready.then(
      () => (readyAt = clock.monotonic()),
      () => {},
    )
    void one.ended.then((how) => {
      if (current !== one) return
      current = undefined
      if (stopping) return
      falls = clock.monotonic() - readyAt > STABLE ? 1 : falls + 1
      const pause = backoff(options.backoff ?? BACKOFF, falls, random)
      onEvent?.({ kind: 'ended', name, how, again: pause })
      again = timers.after(pause, revive)
    })
  }

  const revive = (): void => {
    if (stopping) return
    restarts++
    const begun = clock.monotonic()
    const one = begin()
    watch(one)
    one.go()
    readyInTime(one).then(
      () => onEvent?.({ kind: 'back', name, ms: clock.monotonic() - begun }),
      // Its end is seen to where it is watched.
      () => {},
    )
  }

  const replaceNow = async (): Promise<void> => {
    const old = current
    if (stopping || old === undefined) return
    const begun = clock.monotonic()
    const fresh = begin()
    coming = fresh
    onPid()
    try {
      await fresh.loaded
      if (overlaps) {
        fresh.go()
        await readyInTime(fresh)
        if (stopping) return await fresh.stop()
        // The old one may have fallen over meanwhile, and may even have been started again.
        const leaving = current ?? old
        again?.cancel()
        watch(fresh)
        await leaving.stop({ replaced: true })
      } else {
        // What both would own, one must have let go first; everything else of the new one is there already.
        if (stopping || current !== old) return fresh.kill()
        current = undefined
        await old.stop({ replaced: true })
        watch(fresh)
        fresh.go()
        await readyInTime(fresh)
      }
      onEvent?.({ kind: 'replaced', name, ms: clock.monotonic() - begun })
    } catch (cause) {
      fresh.kill()
      throw new SupervisorError(`Cannot replace "${name}": ${(cause as Error).message}`, { cause })
    } finally {
      coming = undefined
    }
  }

  return {
    name,
    pid: () => current?.pid,
    thread: () => current?.thread,
    pids: () => [current?.pid, coming?.pid].filter((pid) => pid !== undefined),
    restarts: () => restarts,
    load: () => {
      current = begin()
      onPid()
    },
    start: async () => {
      const one = current!
      one.go()
      try {
        const info = await readyInTime(one)
        watch(one)
        return info
      } catch (cause) {
        throw new SupervisorError((cause as Error).message, { cause })
      }
    },
    replace: () => {
      const next = busy.then(replaceNow)
      busy = next.catch(() => {})
      return next
    },
    stop: async () => {
      stopping = true
      again?.cancel()
      coming?.kill()
      await current?.stop()
      await busy
      sockets?.release()
    },
  }
}
