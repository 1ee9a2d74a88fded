import type { SqlTransaction } from '../data/data.ts'
import { HISTORY_SIZE, type Entry } from './history.ts'
import type { Instance, Progress } from './records.ts'
import { described } from './replay.ts'
import type { SagaWorld } from './world.ts'

/** Somebody else has the instance, or what was to be written is there: nothing of this run counts any more. */
export class Fenced extends Error {}

/** The instance cannot go on by itself; the message says why. */
export class Unfit extends Error {}

/** Writes what becomes of one instance, each time under its epoch. What is known goes with the next write, in one transaction. */
export type Pen = {
  /** Goes with the next write. */
  readonly later: (entry: Entry) => Entry
  /** Writes in a transaction that is under way; call `written` once that has committed. @throws {Fenced} */
  readonly write: (tx: SqlTransaction, entries: readonly Entry[], progress: Told) => Promise<void>
  readonly written: (entries: readonly Entry[]) => void
  /** The same in a transaction of its own. */
  readonly note: (entries: readonly Entry[], progress: Told, more?: (tx: SqlTransaction) => Promise<unknown>) => Promise<void>
  /** Lets go of it, for so many milliseconds, or until something arrives. */
  readonly rest: (entries: readonly Entry[], ms: number | null) => Promise<undefined>
  readonly resting: (ms: number | null, waits: string | null) => NonNullable<Progress['rest']>
}

type Told = Omit<Progress, 'version' | 'path'>

/** What is written tells whoever comes again how a transaction ended. */
export const MARKED = { marked: true }
/** One condition on one row in each statement: it crosses nobody. */
const ALONE = { ...MARKED, isolated: false }

export function createPen(options: {
  readonly world: SagaWorld
  readonly instance: Instance
  readonly history: Entry[]
  readonly path: () => string
  /** Milliseconds until it has to be over. */
  readonly left: () => number
}): Pen {
  const { world, instance, history, path, left } = options
  const { host, records, sagas, hands, keys } = world
  const version = Math.max(sagas.get(instance.saga)!.version, instance.version)
  let pending: Entry[] = []
  let size = history.reduce((total, entry) => total + sizeOf(entry), 0)

  const know = (entry: Entry): void => {
    const before = history[entry.position]
    size += sizeOf(entry) - (before === undefined ? 0 : sizeOf(before))
    history[entry.position] = entry
    if (size > HISTORY_SIZE)
      throw new Unfit(
        `With ${described(entry)} its history is longer than ${HISTORY_SIZE} bytes. To do: keep large values elsewhere, and references to them`,
      )
  }
  const write: Pen['write'] = async (tx, entries, progress) => {
    const written = await Promise.all([
      records.fence(tx, instance, { version, path: path(), ...progress }),
      ...[...pending, ...entries].map((entry) => records.put(tx, instance, entry)),
    ])
    if (written.includes(false)) throw new Fenced()
  }
  const written: Pen['written'] = (entries) => {
    for (const { kind, name, state } of pending) if (kind === 'step' && state !== 'begun') keys.settled(instance, name)
    pending = []
    for (const entry of entries) know(entry)
  }
  const note: Pen['note'] = async (entries, progress, more) => {
    await host.store.transaction(async (tx) => {
      await write(tx, entries, progress)
      await more?.(tx)
    }, ALONE)
    written(entries)
  }
  const resting: Pen['resting'] = (ms, waits) => {
    const most = left() === Infinity ? null : Math.ceil(left())
    const dueIn = ms === null ? most : Math.ceil(most === null ? ms : Math.min(ms, most))
    return { ms: ms === null ? null : Math.ceil(ms), dueIn, waits }
  }
  return {
    write,
    written,
    note,
    resting,
    later: (entry) => {
      know(entry)
      pending.push(entry)
      return entry
    },
    rest: async (entries, ms) => {
      const rest = resting(ms, null)
      await note(entries, { well: true, rest })
      if (rest.dueIn !== null) hands.due(rest.dueIn)
    },
  }
}

function sizeOf({ result, error }: Entry): number {
  return (result?.length ?? 0) + (error?.length ?? 0)
}
