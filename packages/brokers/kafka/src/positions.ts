import { CallError } from 'dure/contract'
import { backoff } from 'dure/messaging/adapter'
import type { Timer } from 'dure/runtime'
import { moveTo, type Holding } from './holding.ts'
import { BEGINNING, commitPlaces, END, offsetsAt, placesOf, type Identity, type Place } from './offsets.ts'
import type { ReaderWorld } from './world.ts'

/** Where a member's holdings begin, and how far they have come: read from Kafka, and committed there. */
export type Positions = {
  /** Finds where holdings are to be read from, and makes them this member's: the next epoch is committed under its generation. */
  readonly open: (begun: readonly Holding[]) => Promise<void>
  /** More of it is done, and is to be committed soon. */
  readonly moved: (holding: Holding) => void
  /** What is done of it is committed, unless it is lost. */
  readonly settled: (holding: Holding) => Promise<void>
  /** What it was to read next is not there: retention threw it away, or the topic lost it. */
  readonly lostPlace: (holding: Holding) => Promise<void>
  readonly stop: () => void
}

/** Positions are committed this often at most: after a crash the last moments' messages come again. */
const SAVE_EVERY = 100
const RETRY = { first: 50, max: 2_000 }

export function createPositions(
  { cluster, runtime, partitionsOf, closed }: ReaderWorld,
  options: {
    readonly group: string
    readonly from: 'beginning' | 'end'
    readonly holdings: () => Iterable<Holding>
    readonly identity: () => Identity | undefined
    readonly onError: (error: unknown) => void
  },
): Positions {
  const { group, from, onError } = options
  const { timers, random } = runtime
  let alarm: Timer | undefined
  let saving: Promise<void> = Promise.resolve()
  const isOver = (holding: Holding): boolean => holding.ending.signal.aborted || closed.aborted

  /** Finds where the holdings are to be read from, and makes them this member's: with the next epoch, committed under its generation. */
  const open = async (begun: readonly Holding[]): Promise<void> => {
    for (let failed = 0; ;) {
      const open = begun.filter((holding) => !isOver(holding))
      if (open.length === 0) return
      try {
        const counts = await partitionsOf([...new Set(open.map(({ topic }) => topic))])
        const starts = await offsetsAt(cluster, counts, from === 'end' ? END : BEGINNING)
        const places = (await placesOf(cluster, [group], counts)).get(group) ?? []
        for (const holding of open) {
          const place = places.find(({ topic, partition }) => topic === holding.topic && partition === holding.partition)
          holding.done = place?.offset ?? starts.get(holding.topic)![holding.partition]!
          const note = place?.note ?? { epoch: 0, broker: runtime.ids.next(), lost: 0, ahead: [] }
          holding.note = { ...note, epoch: note.epoch + 1 }
        }
        await commitPlaces(cluster, group, open.map(placeOf), options.identity())
        return
      } catch (error) {
        if (open.every(isOver)) return
        if (failed++ > 0) onError(error)
        await timers.sleep(backoff(RETRY, failed, random), closed)
      }
    }
  }

  const save = (): Promise<void> => {
    alarm?.cancel()
    alarm = undefined
    const next = saving.then(async () => {
      const moved = [...options.holdings()].filter(({ unsaved }) => unsaved)
      const as = options.identity()
      if (moved.length === 0) return
      if (as === undefined) throw new Error('It is no member now')
      const places = moved.map(placeOf)
      for (const holding of moved) holding.unsaved = false
      try {
        await commitPlaces(cluster, group, places, as)
        moved.forEach((holding, at) => (holding.saved = places[at]!.offset))
      } catch (error) {
        for (const holding of moved) holding.unsaved = true
        throw error
      }
    })
    saving = next.catch(() => {})
    return next
  }

  const moved = (holding: Holding): void => {
    holding.unsaved = true
    // A failed save is only a chance of reading some messages twice; the next one tries again.
    alarm ??= timers.after(SAVE_EVERY, () => void save().catch(() => !closed.aborted && moved(holding)))
  }

  return {
    open,
    moved,
    settled: async (holding) => {
      for (let failed = 1; holding.unsaved && !holding.lost && !closed.aborted; failed++)
        await save().catch(() => timers.sleep(backoff(RETRY, failed, random), closed))
    },
    lostPlace: async (holding) => {
      const { topic, partition, next: wanted = 0 } = holding
      const counts = new Map([[topic, partition + 1]])
      const [first = 0, last = 0] = await Promise.all(
        [BEGINNING, END].map(async (at) => (await offsetsAt(cluster, counts, at)).get(topic)![partition]!),
      )
      const why =
        first > wanted
          ? `retention threw away ${first - wanted} messages before they were read`
          : `the topic ends at ${last} and has lost messages; it is read from its beginning`
      onError(
        new CallError(
          'DATA_LOSS',
          `Cannot read offset ${wanted} of partition ${partition} of topic "${topic}" for group "${group}": ${why}`,
        ),
      )
      holding.note = { ...holding.note, lost: holding.note.lost + Math.max(0, first - wanted) }
      if (holding.waiting.length === 0 && holding.done === wanted) moveTo(holding, first)
      else holding.next = first
      moved(holding)
    },
    stop: () => alarm?.cancel(),
  }
}

function placeOf({ topic, partition, done, note }: Holding): Place {
  return { topic, partition, offset: done, note }
}
