import type { Timer } from '../../runtime/runtime.ts'
import { backoff } from '../../runtime/internal.ts'
import { createTurns } from '../turns.ts'
import { SupervisorError } from './errors.ts'
import type { ListeningSockets } from './listening-sockets.ts'
import type { Where } from './channel.ts'
import { launch, type Launched, type Placed } from './launch.ts'
import type { ProcessOptions, SupervisorOptions } from './options.ts'

/** A process that is kept running: by another one when it falls over, and by a fresh one when it is to be replaced. */
export type ManagedProcess = {
  readonly name: () => string
  /** Has its program loaded, so that the start itself is quick. */
  readonly load: () => void
  /** Resolves when it is; rejects when it ends instead, or takes longer than it may to get ready. */
  readonly loaded: () => Promise<void>
  /** Resolves with what it said when it got ready. @throws {SupervisorError} when it ends instead */
  readonly start: (within?: number) => Promise<unknown>
  readonly replace: () => Promise<void>
  readonly stop: () => Promise<void>
  readonly pid: () => number | undefined
  readonly thread: () => number | undefined
  /** Of the one that runs, and of the one that is to take its place. */
  readonly pids: () => readonly number[]
  readonly restarts: () => number
  readonly what: () => ProcessOptions
  /** What it is started as from now on. */
  readonly become: (what: ProcessOptions) => void
  /** Has the one that runs take a part in or give it out; one that does not within the time is killed. */
  readonly place: (part: string, where: Where, within: number) => Promise<Placed>
  readonly kill: () => void
  /** Whether it stays away when it ends; when that is over, it is started if it did. */
  readonly rest: (on: boolean) => void
  /** Nobody replaces it until the work is done. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>
}

/** Milliseconds a process must have been ready for its next fall to count as a first one. */
const STABLE = 10_000
/** Milliseconds a program may take to be loaded before a part moves to its process. */
const LOADING = 60_000
const BACKOFF = { first: 100, max: 10_000 }

/** What a process is, and who of it runs, comes and goes. */
type State = {
  what: ProcessOptions
  current: Launched | undefined
  coming: Launched | undefined
  again: Timer | undefined
  stopping: boolean
  resting: boolean
}

export function createManagedProcess(
  options: SupervisorOptions & {
    readonly process: ProcessOptions
    /** The sockets it listens on; undefined when it has none, or they cannot be shared. */
    readonly sockets: ListeningSockets | undefined
    readonly onPid: () => void
  },
): ManagedProcess {
  const { sockets, runtime, onPid, onEvent, readiness = 120_000 } = options
  const state: State = {
    ...{ what: options.process, current: undefined, coming: undefined, again: undefined },
    ...{ stopping: false, resting: false },
  }
  // Two of it can listen at the same time only on a socket that belongs to neither.
  const overlaps = (): boolean =>
    state.what.overlaps === true && (sockets !== undefined || (state.what.sockets ?? []).length === 0)
  const { clock, timers, random } = runtime
  let restarts = 0
  let falls = 0
  /** One replacement at a time, and none while it starts again after a fall. */
  const turns = createTurns()

  const begin = (): Launched =>
    launch({
      ...{ ...options, process: state.what },
      onLine: (line) => options.onLine({ ...line, name: state.what.name }),
      onSilence: () => onEvent?.({ kind: 'silent', name: state.what.name }),
    })
  const readyInTime = (one: Launched, within = readiness): Promise<unknown> =>
    one.ready.finally(timers.after(within, one.kill).cancel)

  /** From now on this one is the process; when it ends and nobody wanted that, there will be another. */
  const watch = (one: Launched): void => {
    state.current = one
    onPid()
    let readyAt = Number.POSITIVE_INFINITY
    one.ready.then(
      () => (readyAt = clock.monotonic()),
      () => {},
    )
    void one.ended.then((how) => {
      if (state.current !== one) return
      state.current = undefined
      if (state.stopping || state.resting) return
      falls = clock.monotonic() - readyAt > STABLE ? 1 : falls + 1
      const pause = backoff(options.backoff ?? BACKOFF, falls, random)
      onEvent?.({ kind: 'ended', name: state.what.name, how, again: pause })
      state.again = timers.after(pause, revive)
    })
  }

  const revive = (): void => {
    if (state.stopping) return
    restarts++
    const begun = clock.monotonic()
    const one = begin()
    watch(one)
    one.go()
    readyInTime(one).then(
      () => onEvent?.({ kind: 'back', name: state.what.name, ms: clock.monotonic() - begun }),
      // Its end is seen to where it is watched.
      () => {},
    )
  }

  return {
    name: () => state.what.name,
    pid: () => state.current?.pid,
    thread: () => state.current?.thread,
    pids: () => [state.current?.pid, state.coming?.pid].filter((pid) => pid !== undefined),
    restarts: () => restarts,
    load: () => {
      state.current = begin()
      onPid()
    },
    loaded: () => {
      const one = state.current!
      return one.loaded.finally(timers.after(Math.min(readiness, LOADING), one.kill).cancel)
    },
    start: async (within) => {
      const one = state.current!
      one.go()
      try {
        const info = await readyInTime(one, within)
        watch(one)
        return info
      } catch (cause) {
        throw new SupervisorError((cause as Error).message, { cause })
      }
    },
    replace: () => turns.take(() => replaceNow(state, { ...options, overlaps, begin, watch, readyInTime })),
    what: () => state.what,
    become: (next) => {
      state.what = next
    },
    place: async (part, where, within) => {
      const one = state.current
      return one === undefined ? 'ended' : one.place(part, where).finally(timers.after(within, one.kill).cancel)
    },
    kill: () => state.current?.kill(),
    rest: (on) => {
      state.resting = on
      if (!on && state.current === undefined) revive()
    },
    alone: turns.take,
    stop: async () => {
      state.stopping = true
      state.again?.cancel()
      state.coming?.kill()
      await state.current?.stop()
      await turns.over()
      sockets?.release()
    },
  }
}

/** Has a fresh one take the place of the one that runs. */
async function replaceNow(
  state: State,
  process: Pick<SupervisorOptions, 'runtime' | 'onEvent'> & {
    readonly onPid: () => void
    readonly overlaps: () => boolean
    readonly begin: () => Launched
    readonly watch: (one: Launched) => void
    readonly readyInTime: (one: Launched) => Promise<unknown>
  },
): Promise<void> {
  const { onPid, onEvent, overlaps, begin, watch, readyInTime } = process
  const { clock } = process.runtime
  const old = state.current
  if (state.stopping || old === undefined) return
  const begun = clock.monotonic()
  const fresh = begin()
  state.coming = fresh
  onPid()
  try {
    await fresh.loaded
    if (overlaps()) {
      fresh.go()
      await readyInTime(fresh)
      if (state.stopping) return await fresh.stop()
      // The old one may have fallen over meanwhile, and may even have been started again.
      const leaving = state.current ?? old
      state.again?.cancel()
      watch(fresh)
      await leaving.stop({ replaced: true })
    } else {
      // What both would own, one must have let go first; everything else of the new one is there already.
      if (state.stopping || state.current !== old) return fresh.kill()
      state.current = undefined
      await old.stop({ replaced: true })
      watch(fresh)
      fresh.go()
      await readyInTime(fresh)
    }
    onEvent?.({ kind: 'replaced', name: state.what.name, ms: clock.monotonic() - begun })
  } catch (cause) {
    fresh.kill()
    throw new SupervisorError(`Cannot replace "${state.what.name}": ${(cause as Error).message}`, { cause })
  } finally {
    state.coming = undefined
  }
}
