import { random } from './random.ts'

export type Disorder = {
  /** How many events there are. */
  readonly events: number
  /** Events of one group of so many arrive in another order, a group after the other; 1 for none. It shares no divisor with 953. */
  readonly group: number
  /** Which share of the events comes late, 0 to 1. */
  readonly late: number
  /** By how many events. */
  readonly lateBy: number
}

/** Mixed in, so that whether an event is late says nothing about what is in it. */
const LATE_SEED = 2 ** 40

/** The numbers of the events in the order in which they arrive: each of them once, the same in each run. */
export function* arrivals({ events, group, late, lateBy }: Disorder): Generator<number, void, undefined> {
  const held: { readonly n: number; readonly due: number }[] = []
  let first = 0
  for (let step = 0; step < events; step += 1) {
    while (first < held.length && held[first]!.due <= step) yield held[first++]!.n
    const n = shuffled(step, group, events)
    if (late > 0 && random(LATE_SEED + n).float32() < late) held.push({ n, due: step + lateBy })
    else yield n
  }
  while (first < held.length) yield held[first++]!.n
}

/** The order of nexmark-rs within a group; a last group that is not whole stays as it is, or its events would be others. */
function shuffled(step: number, group: number, events: number): number {
  const start = Math.floor(step / group) * group
  return start + group > events ? step : start + ((step * 953) % group)
}
