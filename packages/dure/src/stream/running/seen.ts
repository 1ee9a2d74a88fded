import { createCells, type HeldCells } from '../cells.ts'

/**
 * Which messages were taken last, of each partition: a publisher that was not told delivers some again, soon after. They are
 * known by a row a batch, where the inbox of a reaction has one for each message.
 */
export type Seen = {
  readonly held: HeldCells<readonly string[]>
  /** Those that were not taken before. They count as taken from now on: when their batch fails, all of this is thrown away. */
  readonly fresh: <E extends { readonly message: { readonly id: string } }>(place: string, entries: readonly E[]) => readonly E[]
  /** These are written with their batch. */
  readonly note: (place: string, entries: readonly { readonly message: { readonly id: string } }[]) => void
  /** The cells were loaded. */
  readonly restored: () => void
}

/** Messages of a partition, and rows of them, that are remembered at least. */
const [MESSAGES, ROWS] = [16_384, 256]

type Place = { readonly ids: Set<string>; readonly rows: number[]; next: number }

export function createSeen(): Seen {
  const held = createCells<readonly string[]>()
  const { cells } = held
  const places = new Map<string, Place>()
  const placeOf = (name: string): Place => {
    let place = places.get(name)
    if (place === undefined) places.set(name, (place = { ids: new Set(), rows: [], next: 1 }))
    return place
  }
  const forget = (name: string, { ids, rows }: Place): void => {
    while (rows.length > 1) {
      const first = cells.get(name, rows[0])!
      if (rows.length <= ROWS && ids.size - first.value!.length < MESSAGES) return
      for (const id of first.value!) ids.delete(id)
      cells.remove(first)
      rows.shift()
    }
  }
  return {
    held,
    fresh: (name, entries) => {
      const { ids } = placeOf(name)
      // What was there already does not make it larger: half as much as to ask and then to add.
      return entries.filter(({ message }) => ids.size < ids.add(message.id).size)
    },
    note: (name, entries) => {
      if (entries.length === 0) return
      const place = placeOf(name)
      cells.put(
        name,
        entries.map(({ message }) => message.id),
        place.next,
      )
      place.rows.push(place.next++)
      forget(name, place)
    },
    restored: () => {
      for (const at of [...cells.times()].toSorted((one, other) => one - other))
        for (const [name, { value }] of cells.bucket(at)!) {
          const place = placeOf(name)
          for (const id of value!) place.ids.add(id)
          place.rows.push(at)
          place.next = at + 1
        }
    },
  }
}
