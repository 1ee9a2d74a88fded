import { SupervisorError } from './errors.ts'
import type { ManagedProcess } from './managed-process.ts'
import type { Move, Moved, ProcessOptions, SupervisorOptions } from './options.ts'

/** Milliseconds that a process may take to take a part in, or to give it out, before it is killed. */
const HANDOVER = 10_000

type World = Pick<SupervisorOptions, 'runtime' | 'onEvent' | 'handover'> & {
  readonly managed: readonly ManagedProcess[]
  readonly load: (what: ProcessOptions, copy: number, beside: ManagedProcess) => Promise<ManagedProcess>
  readonly remove: (one: ManagedProcess) => Promise<void>
  /** Has a process be started as this from now on. */
  readonly become: (one: ManagedProcess, what: ProcessOptions) => void
}

/**
 * Moves a part from one process to another. What is started for it has its program loaded before anything changes. Whoever is killed
 * or does not answer on the way, the part is in one of both in the end: a process that ends is started again as what it is by then.
 * @throws {SupervisorError} when it stays where it was
 */
export async function movePart(move: Move, world: World): Promise<Moved> {
  const { part, overlaps } = move
  const { clock } = world.runtime
  const failed = (cause: unknown): SupervisorError =>
    new SupervisorError(`Cannot move "${part}": ${(cause as Error).message}; it is where it was`, { cause })
  const find = (name: string): ManagedProcess => {
    const one = world.managed.find((each) => each.name() === name)
    if (one?.pid() === undefined) throw failed(new Error(`process "${name}" does not run`))
    if (world.managed.some((each) => each.name().startsWith(`${name}#`))) {
      throw failed(new Error(`there are several copies of "${name}"; scale it to 1 first`))
    }
    return one
  }
  const from = find(move.from.name)
  const to = move.to.name === undefined ? undefined : find(move.to.name)
  const begun = clock.monotonic()
  let away = 0

  const source = sourceOf(from, move, world)
  const target =
    to === undefined
      ? await newTarget(from, move, world).catch((cause: unknown) => {
          throw failed(cause)
        })
      : oldTarget(to, move, world)

  const handOver = async (): Promise<void> => {
    if (overlaps) {
      await target.take()
      return source.give()
    }
    const left = clock.monotonic()
    await source.give()
    try {
      await target.take()
    } catch (cause) {
      await source.takeBack()
      throw cause
    }
    away = clock.monotonic() - left
  }
  try {
    await from.alone(() => (to === undefined ? handOver() : to.alone(handOver)))
  } catch (cause) {
    await target.forget()
    throw failed(cause)
  }
  if (move.from.becomes === undefined) await world.remove(from)
  const moved = { ms: clock.monotonic() - begun, away }
  world.onEvent?.({ kind: 'moved', name: part, from: move.from.name, to: move.to.becomes.name, ...moved })
  return moved
}

/** Who has the part. */
function sourceOf(one: ManagedProcess, { part, from }: Move, { become, handover = HANDOVER }: World) {
  const before = one.what()
  const begin = (): void => {
    if (from.becomes === undefined) one.rest(true)
    else become(one, from.becomes)
  }
  const takeBack = async (): Promise<void> => {
    if (from.becomes !== undefined) become(one, before)
    // One that has ended meanwhile is started as what it was; so is one that cannot take it back.
    await one.place(part, 'in', handover).catch(() => one.kill())
    if (from.becomes === undefined) one.rest(false)
  }
  return {
    takeBack,
    give: async (): Promise<void> => {
      // Before it gives: if it ends on the way, it comes back without the part.
      begin()
      try {
        // Who ends on the way holds nothing any more, as well.
        await one.place(part, 'out', handover)
      } catch (cause) {
        await takeBack()
        throw cause
      }
    },
  }
}

type Target = {
  readonly take: () => Promise<unknown>
  /** Nothing of it is to stay when it could not take the part. */
  readonly forget: () => Promise<void>
}

/** A process that is started for the part. */
async function newTarget(beside: ManagedProcess, { to }: Move, { load, remove, handover = HANDOVER }: World): Promise<Target> {
  const one = await load(to.becomes, 1, beside)
  try {
    await one.loaded()
  } catch (cause) {
    await remove(one)
    throw cause
  }
  return { take: () => one.start(handover), forget: () => remove(one) }
}

/** A process that runs, and is started with the part from now on when it has taken it. */
function oldTarget(one: ManagedProcess, { part, to }: Move, { become, handover = HANDOVER }: World): Target {
  const before = one.what()
  return {
    take: async () => {
      const placed = await one.place(part, 'in', handover)
      if (placed === 'ended') throw new Error(`process "${before.name}" ended, or did not take it in ${handover} ms`)
      become(one, to.becomes)
    },
    forget: async () => {
      if (one.what() === before) return
      become(one, before)
      await one.place(part, 'out', handover).catch(() => one.kill())
    },
  }
}
