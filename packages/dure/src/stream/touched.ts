import type { Mark } from './mark.ts'

/** Keys whose early results are to be told, by the time that they are of. */
export type Touched = {
  readonly add: (at: number, key: string) => void
  /** All of them; from now on there are none. */
  readonly take: () => ReadonlyMap<number, ReadonlySet<string>>
  /** Answers what takes back all that is done from now on, until this is called again. */
  readonly mark: Mark
}

export function createTouched(): Touched {
  let touched = new Map<number, Set<string>>()
  let added: (readonly [keys: Set<string>, key: string])[] | undefined
  return {
    add: (at, key) => {
      let keys = touched.get(at)
      if (keys === undefined) touched.set(at, (keys = new Set()))
      if (keys.has(key)) return
      keys.add(key)
      added?.push([keys, key])
    },
    take: () => {
      const all = touched
      touched = new Map()
      return all
    },
    mark: () => {
      const were = touched
      const own = (added = [] as (readonly [Set<string>, string])[])
      return () => {
        touched = were
        for (const [keys, key] of own) keys.delete(key)
        added = undefined
      }
    },
  }
}
