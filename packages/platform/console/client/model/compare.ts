/** Two traces by what was done in them: how often, how long, how often it failed. */
import type { Columns } from './columns.ts'

export type Compared = {
  readonly service: string
  readonly name: string
  readonly count: readonly [number, number]
  /** Milliseconds in it, without what was done below it. */
  readonly own: readonly [number, number]
  readonly failed: readonly [number, number]
}

/** Most different first. */
export function compare(a: Columns, b: Columns): readonly Compared[] {
  const rows = new Map<
    string,
    { service: string; name: string; count: [number, number]; own: [number, number]; failed: [number, number] }
  >()
  for (const [side, columns] of [a, b].entries()) {
    const own = ownTimes(columns)
    for (let row = 0; row < columns.count; row++) {
      const service = columns.services[columns.service[row]!]!
      const name = columns.names[columns.name[row]!]!
      const key = `${service}\n${name}`
      let found = rows.get(key)
      if (found === undefined) rows.set(key, (found = { service, name, count: [0, 0], own: [0, 0], failed: [0, 0] }))
      found.count[side]! += 1
      found.own[side]! += own[row]!
      found.failed[side]! += columns.failed[row]!
    }
  }
  const weight = ({ count, own }: Compared): number => Math.abs(own[1] - own[0]) + (count[0] === 0 || count[1] === 0 ? 1e9 : 0)
  return [...rows.values()].toSorted((x, y) => weight(y) - weight(x))
}

/** Milliseconds of each span in which none of those below it was at work. */
export function ownTimes({
  count,
  start,
  duration,
  parent,
}: Pick<Columns, 'count' | 'start' | 'duration' | 'parent'>): Float64Array {
  const own = Float64Array.from(duration)
  // Up to where its time is given to those below already; they come by their start.
  const covered = Float64Array.from(start)
  for (let row = 0; row < count; row++) {
    const above = parent[row]!
    if (above === -1) continue
    const end = Math.min(start[row]! + duration[row]!, start[above]! + duration[above]!)
    const from = Math.max(start[row]!, covered[above]!)
    if (end > from) {
      own[above]! -= end - from
      covered[above] = end
    }
  }
  return own
}
