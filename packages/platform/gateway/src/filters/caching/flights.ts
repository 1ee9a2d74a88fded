import { collapse } from 'dure/resilience'
import type { Clock } from 'dure/runtime'

/** Milliseconds for which requests for the same are not waited for, after an answer that could not be stored. */
const APART = 5_000
const MOST_APART = 10_000

/** Requests for the same at once, of which one is passed on. */
export type Flights = {
  /**
   * Leads, and is to tell how it ended; or waits for who does. Undefined: each goes by itself. True means that nobody has answered, and
   * what was stored is given.
   */
  readonly join: (key: string) => { readonly ended: (stale?: boolean) => void } | { readonly waits: Promise<boolean> } | undefined
  /** The answer was for one alone: for a while nobody waits for one of these. */
  readonly part: (key: string) => void
}

export function createFlights({ monotonic }: Clock): Flights {
  const collapsed = collapse()
  const apart = new Map<string, number>()
  return {
    join: (key) => {
      const until = apart.get(key)
      if (until !== undefined && monotonic() < until) return undefined
      apart.delete(key)
      let leads = false
      const over = Promise.withResolvers<boolean>()
      const lead = (): Promise<boolean> => {
        leads = true
        return over.promise
      }
      const waits = collapsed.run(lead, { key })
      return leads ? { ended: (stale = false) => over.resolve(stale) } : { waits }
    },
    part: (key) => {
      if (apart.size >= MOST_APART) apart.delete(apart.keys().next().value!)
      apart.set(key, monotonic() + APART)
    },
  }
}
