/** What all players were shown, held against each other. */
import type { Heard } from './player.ts'

export type Witness = {
  readonly sent: (player: string, n: number) => void
  readonly heard: (answer: Heard) => void
  /** The world may begin anew, from what it has kept. */
  readonly restart: () => void
  readonly report: () => {
    readonly newestTick: number
    /** Times that two were shown one player at one tick in different places. */
    readonly disagreements: number
    /** Times that a player was shown at a later tick where it had been before. */
    readonly movedBack: number
    /** How old what players are shown of others is, since it was sent, in milliseconds. */
    readonly age: (part: number) => number
  }
}

/** Positions of a player of which it is known when they were sent, and ticks of which it is known what was shown. */
const POSITIONS = 256
const TICKS = 64
const OLDEST = 10_000

export function createWitness(now: () => number): Witness {
  const sent = new Map<string, Float64Array>()
  const ages = new Uint32Array(OLDEST + 1)
  let ticks: { readonly tick: number; readonly places: Map<string, { n: number; x: number; y: number }> }[] = []
  let newest = new Map<string, { tick: number; n: number }>()
  let [newestTick, disagreements, movedBack] = [0, 0, 0]

  return {
    sent: (player, n) => {
      let times = sent.get(player)
      if (times === undefined) sent.set(player, (times = new Float64Array(POSITIONS)))
      times[n % POSITIONS] = now()
    },
    heard: ({ tick, others }) => {
      newestTick = Math.max(newestTick, tick)
      if (tick <= newestTick - TICKS) return
      const time = now()
      let shown = ticks[tick % TICKS]
      if (shown?.tick !== tick) ticks[tick % TICKS] = shown = { tick, places: new Map() }
      for (const { player, n, x, y } of others) {
        const at = sent.get(player)?.[n % POSITIONS] ?? 0
        if (at > 0) ages[Math.min(OLDEST, Math.round(time - at))]!++
        const same = shown.places.get(player)
        if (same === undefined) shown.places.set(player, { n, x, y })
        else if (same.n !== n || same.x !== x || same.y !== y) disagreements++
        const before = newest.get(player)
        if (before !== undefined && tick >= before.tick && n < before.n) movedBack++
        if (before === undefined || tick > before.tick) newest.set(player, { tick, n })
      }
    },
    restart: () => {
      ticks = []
      newest = new Map()
      newestTick = 0
    },
    report: () => ({ newestTick, disagreements, movedBack, age: (part) => quantile(ages, part) }),
  }
}

function quantile(counts: Uint32Array, part: number): number {
  let left = counts.reduce((sum, count) => sum + count, 0) * part
  return counts.findIndex((count) => (left -= count) <= 0)
}
