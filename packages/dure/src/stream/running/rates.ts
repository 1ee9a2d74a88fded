/** How much was counted in a second, lately, by name. */
export type Rates = {
  /** What all counts are at a time of the clock, in milliseconds. */
  readonly note: (now: number, counts: ReadonlyMap<string, number>) => void
  readonly of: (name: string) => number
}

/** Looks that are compared: the first with the last. */
const LOOKS = 10

export function createRates(): Rates {
  const looks: { readonly now: number; readonly counts: ReadonlyMap<string, number> }[] = []
  return {
    note: (now, counts) => {
      looks.push({ now, counts })
      if (looks.length > LOOKS) looks.shift()
    },
    of: (name) => {
      const [first, last] = [looks[0], looks.at(-1)]
      if (first === undefined || last === undefined || last.now <= first.now) return 0
      const more = (last.counts.get(name) ?? 0) - (first.counts.get(name) ?? 0)
      return Math.max(0, (more / (last.now - first.now)) * 1_000)
    },
  }
}
