import { FIELD, STEP, type Place, type Placed } from './contract.ts'

/** Everybody's place. Positions come at any time and are seen from the next tick on: whoever looks at one tick sees the same. */
export type World = {
  readonly tick: () => number
  readonly place: (player: string) => Place | undefined
  readonly count: () => number
  readonly enter: (player: string, place: Place) => void
  /** As far towards it as the player can have come; what is older than what is known of the player changes nothing. */
  readonly walk: (player: string, to: Place) => void
  readonly jump: (player: string, to: Place) => void
  readonly next: () => void
  /** Who is seen of a player's place: no more than `NEAR`. */
  readonly near: (player: string) => Placed[]
  readonly seen: () => Placed[]
  /** Who has not been kept as they are now; `kept` says that they have. */
  readonly changed: () => readonly Placed[]
  readonly kept: (places: readonly Placed[]) => void
}

type Player = {
  at: Place
  /** At the newest tick. */
  seen: Placed
  /** Where and when the walk of now began. */
  from: Place
  since: number
  /** The tick at which it was heard last. */
  heard: number
  kept: number
}

/** Players that are told of at once, within a cell of the grid around one's own. */
const NEAR = 12
const CELL = 50
/** Ticks: who stood still for longer gets no farther by it, and who was not heard for so long is not seen. */
const REST = 20
const AWAY = 60
/** Cells of a row, with one at each end that stays empty. */
const ROW = Math.floor(FIELD / CELL) + 3

export function createWorld(): World {
  const players = new Map<string, Player>()
  let tick = 0
  let grid = new Map<number, Placed[]>()

  const put = (player: string, to: Place, most: number): void => {
    const one = players.get(player)
    if (one === undefined || to.n <= one.at.n) return
    const { x, y } = one.from
    const part = Math.min(1, most / Math.hypot(to.x - x, to.y - y))
    one.at = { n: to.n, x: Math.round(x + (to.x - x) * part), y: Math.round(y + (to.y - y) * part) }
    one.heard = tick
  }

  return {
    tick: () => tick,
    place: (player) => players.get(player)?.at,
    count: () => players.size,
    enter: (player, place) => {
      const seen = { player, ...place }
      players.set(player, { at: place, seen, from: place, since: tick, heard: tick, kept: place.n })
    },
    walk: (player, to) => {
      const { since = tick } = players.get(player) ?? {}
      put(player, to, STEP * Math.min(REST, tick + 1 - since))
    },
    jump: (player, to) => {
      put(player, to, Infinity)
      const one = players.get(player)
      if (one !== undefined) Object.assign(one, { from: one.at, since: tick })
    },
    next: () => {
      tick++
      grid = new Map()
      for (const [player, one] of players) {
        if (one.seen.n < one.at.n) {
          one.seen = { player, ...one.at }
          Object.assign(one, { from: one.at, since: tick })
        }
        if (tick - one.heard >= AWAY) continue
        const cell = cellOf(one.seen)
        const there = grid.get(cell)
        if (there === undefined) grid.set(cell, [one.seen])
        else there.push(one.seen)
      }
    },
    near: (player) => {
      const one = players.get(player)
      if (one === undefined) return []
      const cell = cellOf(one.seen)
      const others: Placed[] = []
      for (const row of [0, -ROW, ROW])
        for (const column of [0, -1, 1])
          for (const other of grid.get(cell + row + column) ?? [])
            if (others.length < NEAR && other !== one.seen) others.push(other)
      return others
    },
    seen: () => [...grid.values()].flat(),
    changed: () => Array.from(players, ([player, { at, kept }]) => ({ player, ...at, kept })).filter(({ n, kept }) => n > kept),
    kept: (places) => {
      for (const { player, n } of places) {
        const one = players.get(player)
        if (one !== undefined) one.kept = Math.max(one.kept, n)
      }
    },
  }
}

function cellOf({ x, y }: Place): number {
  return (Math.floor(y / CELL) + 1) * ROW + Math.floor(x / CELL) + 1
}
