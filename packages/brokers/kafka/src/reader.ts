import { spotKey, type Spot } from './assignment.ts'
import { createFetcher } from './fetcher.ts'
import { createHolding, tell, type Holding } from './holding.ts'
import { joinGroup } from './member.ts'
import { createPositions } from './positions.ts'
import type { ReaderWorld } from './world.ts'

/** One member of a consumer group, and its holdings: from when they are given to it until it gives them back or has lost them. */
export type Reader = {
  readonly joined: Promise<void>
  /** All of a holding before what waits is done. */
  readonly settle: (holding: Holding) => void
  /** More of the holding is done: it is to be committed, soon. */
  readonly moved: (holding: Holding) => void
  /** There is room in a holding. */
  readonly wake: () => void
  /** Gives a holding to another member, where there is one. */
  readonly refuse: (holding: Holding) => void
  readonly leave: () => Promise<void>
}

export function createReader(
  world: ReaderWorld,
  options: {
    readonly group: string
    readonly topics: readonly string[]
    readonly from: 'beginning' | 'end'
    /** Works on a holding until it ends, and what is in hand of it with it. */
    readonly hold: (holding: Holding, reader: Reader) => Promise<void>
    readonly onError: (error: unknown) => void
  },
): Reader {
  const { cluster, runtime, timing, nameOf, partitionsOf, closed } = world
  const { group, topics, onError } = options
  const holdings = new Map<string, Holding>()
  /** Until when each holding that there was is worked on. */
  const lives = new Map<string, Promise<void>>()
  let share = new Set<string>()
  const refused = new Map<string, Spot>()
  let leaving = false

  const end = (holding: Holding): void => {
    holding.ending.abort()
    tell(holding)
  }

  const assigned = (spots: readonly Spot[]): void => {
    share = new Set(spots.map(spotKey))
    for (const key of share) refused.delete(key)
    for (const holding of holdings.values()) if (!share.has(holding.key)) end(holding)
    if (!leaving) begin(spots.filter((spot) => !holdings.has(spotKey(spot))))
  }

  const lost = (): void => {
    for (const holding of holdings.values()) {
      holding.lost = true
      end(holding)
    }
    holdings.clear()
    share = new Set()
  }

  const begin = (spots: readonly Spot[]): void => {
    const begun = spots.map(createHolding)
    for (const holding of begun) holdings.set(holding.key, holding)
    // What is still in hand of a holding that was lost comes first.
    const opened = positions.open(begun.filter(({ key }) => !lives.has(key)))
    for (const holding of begun) {
      const before = lives.get(holding.key)
      const ready = before === undefined ? opened : before.then(() => positions.open([holding]))
      const life = ready.then(() => live(holding))
      lives.set(holding.key, life)
      void life.then(() => void (lives.get(holding.key) === life && lives.delete(holding.key)))
    }
  }

  const live = async (holding: Holding): Promise<void> => {
    if (!holding.ending.signal.aborted) await options.hold(holding, reader).catch(onError)
    await positions.settled(holding)
    if (holdings.get(holding.key) !== holding) return
    holdings.delete(holding.key)
    if (leaving || closed.aborted) return
    // It may have been given back to this member while it was being taken from it.
    if (share.has(holding.key)) begin([holding])
    else member.joinAgain()
  }

  const positions = createPositions(world, { ...options, holdings: () => holdings.values(), identity: () => member.identity() })
  const { lostPlace } = positions
  const fetcher = createFetcher({
    ...{ client: cluster.fetching(topics, timing.wait), runtime, holdings: () => holdings.values(), nameOf, lostPlace, onError },
    closed,
  })
  const member = joinGroup({
    ...{ cluster, runtime, group, topics, ...timing, partitionsOf, assigned, lost, onError, closed },
    owned: () => [...holdings.values()].map(({ topic, partition }) => ({ topic, partition })),
    refused: () => [...refused.values()],
  })
  const reader: Reader = {
    joined: member.joined,
    settle: (holding) => {
      holding.done = holding.waiting.length > 0 ? Number(holding.waiting[0]!.position) : (holding.next ?? holding.done)
      positions.moved(holding)
      fetcher.wake()
    },
    moved: positions.moved,
    wake: fetcher.wake,
    refuse: (holding) => {
      refused.set(holding.key, { topic: holding.topic, partition: holding.partition })
      share.delete(holding.key)
      end(holding)
    },
    leave: async () => {
      leaving = true
      for (const holding of holdings.values()) end(holding)
      await Promise.all(lives.values())
      await Promise.all([member.leave(), fetcher.stop()])
      positions.stop()
    },
  }
  return reader
}
