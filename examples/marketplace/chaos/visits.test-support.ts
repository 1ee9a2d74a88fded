import type { Visited } from './visitors.ts'

export const NOTHING = { requests: 0, failed: 0, longest: 0 }

/** Visitors who see nothing; tells how many still visit. */
export function countedVisits(): {
  readonly visit: () => { readonly end: () => Promise<Visited> }
  readonly visits: () => number
} {
  let visits = 0
  const end = async (): Promise<Visited> => {
    visits--
    return { fresh: NOTHING, slow: NOTHING, busy: NOTHING }
  }
  const visit = () => {
    visits++
    return { end }
  }
  return { visit, visits: () => visits }
}
