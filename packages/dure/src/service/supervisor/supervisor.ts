/**
 * Runs the processes of a split system on one machine: starts them in order, starts again what falls over, replaces
 * them one by one, and takes them along when it ends. When it is killed itself, they notice and stop by themselves.
 */
import { keepAlive } from '../../runtime/runtime.ts'
import { checkNumbers, COUNT, WAIT } from '../../runtime/internal.ts'
import { copyName } from '../../contract/internal.ts'
import { COPY } from './channel.ts'
import { takePidFile } from './pid-file.ts'
import { shareCompiled } from './compile-cache.ts'
import { SupervisorError } from './errors.ts'
import { bindSockets, cannotShareSockets, datagramsAmong, type ListeningSockets } from './listening-sockets.ts'
import { createManagedProcess, type ManagedProcess } from './managed-process.ts'
import { createTurns } from '../turns.ts'
import { movePart } from './move.ts'
import type { Move, Moved, ProcessOptions, SupervisorOptions } from './options.ts'

export type { PlaceRequest } from '../regroup.ts'
export { placed, type CallBetween, type Placed, type PlacedService, type Plan } from './placed.ts'
export type { Move, Moved, ProcessEvent, ProcessOptions, SocketOptions, SupervisorOptions } from './options.ts'
export { SupervisorError } from './errors.ts'
export type { Supervised } from './channel.ts'
export { joinSupervisor } from './supervised.ts'

export type Supervisor = {
  /** What each process said when it got ready, in their order. */
  readonly ready: readonly unknown[]
  readonly processes: () => readonly {
    readonly name: string
    readonly pid: number | undefined
    /** Of a thread, which has no process of its own. */
    readonly thread?: number
    readonly restarts: number
  }[]
  /**
   * Replaces processes one after the other by fresh ones of the same program, losing no call: all of them, or those that are
   * named, `orders` for all copies of it, `orders#2` for one, `orders#1` for the first alone.
   * @throws {SupervisorError} when there is none of a name, before any is replaced, or a new one does not get ready
   */
  readonly replace: (names?: readonly string[]) => Promise<void>
  /**
   * Starts one more process, after all others; resolves with what it said when it got ready. Nothing is left of one that cannot
   * start.
   * @throws {SupervisorError} when its name is taken, an address cannot be had, it ends instead of getting ready, or all is being
   * stopped
   */
  readonly add: (process: ProcessOptions) => Promise<unknown>
  /**
   * Has a process, and all copies of it, finish what is under way and end, and starts it no more.
   * @throws {SupervisorError} when there is none of that name
   */
  readonly remove: (name: string) => Promise<void>
  /**
   * Has so many copies of a process run, 1 to 64; resolves when those that were added are ready, and those that were one too
   * many have finished what was under way and ended. One after the other, also when asked twice.
   * @throws {SupervisorError} when there is none of that name, there can be no more than one, or one cannot start
   */
  readonly scale: (name: string, copies: number) => Promise<void>
  /**
   * Moves a part of the system from one process to another while both work. Where it can be in one of them alone, its callers wait
   * while it is in neither. One move after the other, also when asked twice.
   * @throws {SupervisorError} when it cannot; then it is where it was
   */
  readonly move: (move: Move) => Promise<Moved>
  /** Stops all, last first. Idempotent. */
  readonly stop: () => Promise<void>
}

/**
 * Starts everything; resolves when all is ready. If something cannot start, what has started is stopped again.
 * @throws {SupervisorError} when another supervisor runs on the directory, an address cannot be had, a process ends instead
 * of getting ready, or the start is given up
 *
 * @example
 * ```ts
 * import { writeFileSync } from 'node:fs'
 * import { realRuntime } from 'dure/runtime'
 * import { supervise } from 'dure/supervisor'
 *
 * writeFileSync(
 *   'orders.ts',
 *   `import { joinSupervisor } from 'dure/supervisor'
 *    const supervised = joinSupervisor()
 *    if (await supervised?.loaded()) supervised?.ready('orders are taken')
 *    await supervised?.stopped
 *    supervised?.leave()`,
 * )
 * const supervisor = await supervise({
 *   directory: '.dure',
 *   runtime: realRuntime(),
 *   processes: [{ name: 'orders', program: ['orders.ts'] }],
 *   onLine: ({ name, text }) => console.error(`${name}: ${text}`),
 * })
 * console.log(supervisor.ready) // → [ 'orders are taken' ]
 * await supervisor.stop()
 * ```
 */
export async function supervise(options: SupervisorOptions): Promise<Supervisor> {
  const {
    directory,
    processes,
    backoff,
    shutdownTimeout = 20_000,
  } = checkNumbers('supervise processes', options, {
    shutdownTimeout: WAIT,
    readiness: WAIT,
    silence: WAIT,
    handover: WAIT,
  })
  if (backoff !== undefined) checkNumbers('supervise processes with this backoff', backoff, { first: WAIT, max: WAIT })
  // While it waits to start one again there may be nothing else that keeps this process.
  const alive = keepAlive()
  const pidFile = await takePidFile(directory, shutdownTimeout, options.runtime.timers).catch((error: unknown) => {
    alive.stop()
    throw error
  })
  const compiled = shareCompiled()
  const names = new Set<string>()
  const managed: ManagedProcess[] = []
  /** What copies are made of, by name. */
  const kinds = new Map<string, ProcessOptions>()
  const given = givenUp(options.signal)
  let stopping: Promise<void> | undefined
  const note = (): void => pidFile.note(managed.flatMap((one) => one.pids().map((pid) => ({ name: one.name(), pid }))))

  /** @param beside after whom it is among the others, which stop in the opposite order; default: after its first copies, or all */
  const load = async (of: ProcessOptions, copy: number, beside?: ManagedProcess): Promise<ManagedProcess> => {
    const what = { ...of, name: copyName(of.name, copy) }
    const { name } = what
    if (names.has(name)) throw new SupervisorError(`Cannot start "${name}": a process of that name runs already; choose another`)
    names.add(name)
    try {
      const sockets = await socketsFor(what, options)
      if (stopping !== undefined) {
        sockets?.release()
        throw new SupervisorError(`Cannot start "${name}": all processes are being stopped`)
      }
      const one = createManagedProcess({ ...options, process: withEnv(what, compiled, copy), sockets, onPid: note })
      // Beside the other copies: who was started after the first of them may need them until it has stopped.
      const before = managed.findLastIndex((each) => each === beside || isOf(each, of.name))
      managed.splice(before + 1 || managed.length, 0, one)
      kinds.set(of.name, of)
      one.load()
      return one
    } catch (error) {
      names.delete(name)
      throw error
    }
  }
  const remove = async (one: ManagedProcess): Promise<void> => {
    await one.stop()
    const at = managed.indexOf(one)
    // Somebody else may have removed it meanwhile.
    if (at < 0) return
    managed.splice(at, 1)
    names.delete(one.name())
    note()
  }
  const become = (one: ManagedProcess, what: ProcessOptions): void => {
    for (const known of [names, kinds]) known.delete(one.name())
    names.add(what.name)
    kinds.set(what.name, what)
    one.become(withEnv(what, compiled, 1))
    note()
  }
  const begin = async (what: ProcessOptions, copy = 1): Promise<unknown> => {
    const one = await load(what, copy)
    try {
      return await one.start()
    } catch (error) {
      await remove(one)
      throw error
    }
  }
  /** One change of what there is after the other. */
  const changes = createTurns()
  const stopAll = async (): Promise<void> => {
    for (const one of managed.toReversed()) await one.stop()
    pidFile.release()
    alive.stop()
  }
  const stop = (): Promise<void> => (stopping ??= stopAll())

  try {
    for (const each of processes) {
      checkCopies(each.name, each.copies ?? 1)
      for (let copy = 1; copy <= (each.copies ?? 1); copy++) await load(each, copy)
    }
    const ready: unknown[] = []
    for (const one of managed) ready.push(await Promise.race([one.start(), given.promise]))
    return {
      ready,
      processes: () => managed.map(listed),
      replace: async (which) => {
        for (const name of which ?? []) {
          if (!managed.some((one) => isMeant(one, name)))
            throw new SupervisorError(`Cannot replace "${name}": ${thereAre(managed.map((one) => one.name()))}`)
        }
        const meant = managed.filter((one) => which === undefined || which.some((name) => isMeant(one, name)))
        for (const one of meant) await one.replace()
      },
      add: (what) => begin(what),
      remove: async (name) => {
        const all = managed.filter((each) => isOf(each, name))
        if (all.length === 0) {
          throw new SupervisorError(`Cannot remove "${name}": ${thereAre(managed.map((one) => one.name()))}`)
        }
        await Promise.all(all.map(remove))
      },
      scale: async (name, copies) => {
        checkCopies(name, copies)
        await changes.take(() => scaleTo({ name, copies, kinds, managed, begin, remove }))
      },
      move: (move) => changes.take(() => movePart(move, { ...options, managed, load, remove, become })),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  } finally {
    given.forget()
  }
}

function listed(one: ManagedProcess): ReturnType<Supervisor['processes']>[number] {
  const thread = one.thread()
  return { name: one.name(), pid: one.pid(), ...(thread !== undefined && { thread }), restarts: one.restarts() }
}

/** What a process is started with beside its own environment. */
function withEnv(what: ProcessOptions, compiled: Readonly<Record<string, string>>, copy: number): ProcessOptions {
  return { ...what, env: { ...compiled, ...what.env, [COPY]: String(copy) } }
}

const isOf = (one: ManagedProcess, name: string): boolean => one.name() === name || one.name().startsWith(`${name}#`)
const isMeant = (one: ManagedProcess, name: string): boolean => isOf(one, name) || `${one.name()}#1` === name
const thereAre = (names: Iterable<string>): string => `there is no such process; there are ${[...names].join(', ')}`

async function scaleTo(options: {
  readonly name: string
  readonly copies: number
  readonly kinds: ReadonlyMap<string, ProcessOptions>
  readonly managed: readonly ManagedProcess[]
  readonly begin: (what: ProcessOptions, copy: number) => Promise<unknown>
  readonly remove: (one: ManagedProcess) => Promise<void>
}): Promise<void> {
  const { name, copies, kinds, managed, begin, remove } = options
  const what = kinds.get(name)
  const running = managed.filter((one) => isOf(one, name)).length
  if (what === undefined || running === 0) {
    throw new SupervisorError(`Cannot scale "${name}": ${thereAre(kinds.keys())}`)
  }
  if (copies > 1 && what.onlyOne !== undefined) throw new SupervisorError(`Cannot scale "${name}" to ${copies}: ${what.onlyOne}`)
  for (let copy = running + 1; copy <= copies; copy++) await begin(what, copy)
  for (let copy = running; copy > copies; copy--) {
    const one = managed.find((each) => each.name() === copyName(name, copy))
    if (one !== undefined) await remove(one)
  }
}

function checkCopies(name: string, copies: number): void {
  checkNumbers(`run "${name}"`, { copies }, { copies: { ...COUNT, most: 64 } })
}

/** Binds what a process listens on, where that is possible. */
async function socketsFor(
  { name, thread = false, sockets = [] }: ProcessOptions,
  { onEvent, handed }: SupervisorOptions,
): Promise<ListeningSockets | undefined> {
  if (sockets.length === 0) return undefined
  const why = thread === false ? cannotShareSockets() : 'a thread cannot be handed sockets'
  const lost = why ?? datagramsAmong(sockets)
  if (lost !== undefined) onEvent?.({ kind: 'not held', name, why: lost })
  return why === undefined ? await bindSockets(sockets, handed) : undefined
}

/** Rejects when the signal aborts. */
function givenUp(signal: AbortSignal | undefined): { readonly promise: Promise<never>; readonly forget: () => void } {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => {})
  const abort = (): void => reject(new SupervisorError('The start was given up'))
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort, { once: true })
  return { promise, forget: () => signal?.removeEventListener('abort', abort) }
}
