/** Something that must hold, whether it does, and the numbers that were compared. */
export type Invariant = { readonly name: string; readonly ok: boolean; readonly detail: string }

/** Gathers what is wrong while a check goes over many things, and keeps the first few as examples. */
export type Findings = {
  readonly add: (what: string) => void
  readonly count: () => number
  readonly invariant: (name: string, detail: string) => Invariant
}

export function findings(): Findings {
  let count = 0
  const examples: string[] = []
  return {
    add: (what) => {
      count++
      if (examples.length < 3) examples.push(what)
    },
    count: () => count,
    invariant: (name, detail) => {
      if (count === 0) return { name, ok: true, detail }
      const more = count > examples.length ? `; … ${count - examples.length} more` : ''
      return { name, ok: false, detail: `${detail}; ${count} wrong: ${examples.join('; ')}${more}` }
    },
  }
}

/** Cents as money. */
export const money = (cents: number): string => (cents / 100).toLocaleString('en', { minimumFractionDigits: 2 })
export const number = (value: number): string => value.toLocaleString('en')
export const sum = <T>(list: Iterable<T>, of: (item: T) => number): number => {
  let total = 0
  for (const item of list) total += of(item)
  return total
}
