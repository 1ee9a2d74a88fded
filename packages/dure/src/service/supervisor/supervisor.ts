/**
 * Runs the processes of a split system on one machine: starts them in order, starts again what falls over, replaces
 * them one by one, and takes them along when it ends. When it is killed itself, they notice and stop by themselves.
 */
import { keepAlive } from '../../runtime/runtime.ts'
import { checkNumbers, WAIT } from '../../runtime/internal.ts'
import { claim, type Claim } from './claim.ts'
import { shareCompiled } from './compiled.ts'
import { SupervisorError } from './errors.ts'
import { cannotHold, hold, type Held } from './held.ts'
import { createKept, type Kept } from './kept.ts'
import type { ProcessOptions, SupervisorOptions } from './options.ts'

export type { ProcessEvent, ProcessOptions, SocketOptions, SupervisorOptions } from './options.ts'
export { SupervisorError } from './errors.ts'
export { joinSupervisor, type Supervised } from './supervised.ts'

export type Supervisor = {
  /** What each process said when it got ready, in their order. */
  readonly ready: readonly unknown[]
  readonly processes: () => readonly { readonly name: string; readonly pid: number | undefined; readonly restarts: number }[]
  /** Replaces processes (all, unless named) one after the other by fresh ones of the same program, losing no call. */
  readonly replace: (names?: readonly string[]) => Promise<void>
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
  const { directory, processes, backoff } = checkNumbers('supervise processes', options, {
    patience: WAIT,
    readiness: WAIT,
    silence: WAIT,
  })
  if (backoff !== undefined) checkNumbers('supervise processes with this backoff', backoff, { first: WAIT, most: WAIT })
  // While it waits to start one again there may be nothing else that keeps this process.
  const alive = keepAlive()
  const owned = await claim(directory, options.patience ?? 20_000, options.runtime.timers).catch((error: unknown) => {
    alive.stop()
    throw error
  })
  const kept: Kept[] = []
  const sockets: Held[] = []
  const given = givenUp(options.signal)
  const stop = async (): Promise<void> => {
    for (const one of kept.toReversed()) await one.stop()
    for (const one of sockets) one.release()
    owned.release()
    alive.stop()
  }
  try {
    const compiled = shareCompiled()
    for (const each of processes.map((one) => ({ ...one, env: { ...compiled, ...one.env } }))) {
      const held = await holdFor(each, options)
      if (held !== undefined) sockets.push(held)
      const one = createKept({ ...options, process: each, held, onPid: () => note(owned, kept) })
      kept.push(one)
      one.load()
    }
    const ready: unknown[] = []
    for (const one of kept) ready.push(await Promise.race([one.start(), given.promise]))
    let stopping: Promise<void> | undefined
    return {
      ready,
      processes: () => kept.map((one) => ({ name: one.name, pid: one.pid(), restarts: one.restarts() })),
      replace: async (names) => {
        for (const one of kept) if (names === undefined || names.includes(one.name)) await one.replace()
      },
      stop: () => (stopping ??= stop()),
    }
  } catch (error) {
    await stop()
    throw error
  } finally {
    given.forget()
  }
}

/** Holds what a process listens on, where that is possible. */
async function holdFor({ name, sockets = [] }: ProcessOptions, { onEvent }: SupervisorOptions): Promise<Held | undefined> {
  if (sockets.length === 0) return undefined
  const why = cannotHold()
  if (why === undefined) return await hold(sockets)
  onEvent?.({ kind: 'not held', name, why })
  return undefined
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

function note(owned: Claim, kept: readonly Kept[]): void {
  owned.note(kept.flatMap((one) => one.pids().map((pid) => ({ name: one.name, pid }))))
}
