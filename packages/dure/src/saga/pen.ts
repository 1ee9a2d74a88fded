import type { SqlStore, SqlTransaction } from '../data/data.ts'
import { constraintOf } from '../data/internal.ts'
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
  readonly write: (tx: SqlTransaction, ...of: Parameters<Write>) => Promise<void>
  readonly written: (entries: readonly Entry[]) => void
  /** Work on rows and what it came to, in one transaction, and how the instance ends where it does with that. */
  readonly step: (work: (tx: SqlTransaction) => Promise<LastStep>, timeout: number) => Promise<Entry>
  /** Writes in a transaction of its own, and what more there is to write. */
  readonly note: (entries: readonly Entry[], progress: Told, more?: (tx: SqlTransaction) => Promise<unknown>) => Promise<void>
  /** Lets go of it, for so many milliseconds, or until something arrives. */
  readonly rest: (entries: readonly Entry[], ms: number | null) => Promise<undefined>
  readonly resting: (ms: number | null, waits: string | null) => NonNullable<Progress['rest']>
}

type Told = Omit<Progress, 'version' | 'path'>
type Write = (entries: readonly Entry[], progress: Told) => Promise<void>
type LastStep = { readonly entry: Entry; readonly end: Progress['end'] }

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
  /** So many of them are in what is being written: the code may note more meanwhile. */
  let sent = 0
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
  const put = async (tx: SqlTransaction, entries: readonly Entry[]): Promise<void> => {
    sent = pending.length
    try {
      await Promise.all([...pending, ...entries].map((entry) => records.put(tx, instance, entry)))
    } catch (error) {
      throw constraintOf(error) === 'not null' ? new Fenced() : error
    }
  }
  const fence = async (tx: SqlTransaction, progress: Told): Promise<void> => {
    if (!(await records.fence(tx, instance, { version, path: path(), ...progress }))) throw new Fenced()
  }
  const write: Pen['write'] = async (tx, entries, progress) => {
    await Promise.all([fence(tx, progress), put(tx, entries)])
  }
  const written: Pen['written'] = (entries) => {
    for (const { kind, name, state } of pending.slice(0, sent))
      if (kind === 'step' && state !== 'begun') keys.settled(instance, name)
    pending = pending.slice(sent)
    sent = 0
    for (const entry of entries) know(entry)
  }
  /**
   * A transaction whose last words fail of themselves, and it with them. Nobody waits for the answers to them, which come with that of the
   * commit: it would be one more journey to the server and back.
   */
  const transaction = async <T>(
    work: (tx: SqlTransaction, last: Write) => Promise<T>,
    options: Parameters<SqlStore['transaction']>[1],
  ): Promise<T> => {
    let writing: Promise<void> | undefined
    let fenced: Fenced | undefined
    const last =
      (tx: SqlTransaction): Write =>
      async (entries, progress) => {
        const mine = write(tx, entries, progress)
        writing = mine
        tx.alongside(
          mine.catch((error: unknown) => {
            if (error instanceof Fenced) fenced = error
            throw error
          }),
        )
      }
    const done = host.store.transaction((tx) => {
      fenced = undefined
      return work(tx, last(tx))
    }, options)
    const value = await done.catch((error: unknown) => {
      throw fenced ?? error
    })
    // Under an epoch that is not its own any more a fence alone changes nothing, and fails nothing.
    await writing
    return value
  }
  const step: Pen['step'] = async (work, timeout) => {
    const { entry, end } = await transaction(
      async (tx, last) => {
        const done = await work(tx)
        await last([done.entry], done.end === undefined ? { well: true } : { end: done.end })
        return done
      },
      { ...MARKED, timeout },
    )
    written(end === undefined ? [entry] : [])
    return entry
  }
  const note: Pen['note'] = async (entries, progress, more) => {
    await transaction(async (tx, last) => {
      if (more === undefined) return last(entries, progress)
      await write(tx, entries, progress)
      await more(tx)
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
    step,
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
