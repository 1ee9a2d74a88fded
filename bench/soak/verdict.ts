import type { Attacked } from './attackers.ts'
import type { Served } from './honest.ts'
import type { Taken } from './server.ts'

/** What was seen at one moment; `at` in milliseconds since the start. */
export type Sample = { readonly at: number; readonly taken: Taken; readonly served: Served; readonly attacked: Attacked }

/** What the memory of a listener under attack may gain, in bytes a minute. */
export type Bounds = { readonly rss: number; readonly heap: number }

/** With fewer samples nothing can be told. */
export const ENOUGH = 4

/** Memory counts from here on: a process that has just begun compiles, and fills up to its bounds. */
const WARM_UP = 0.2

export type Verdict = {
  /** What went wrong; none when it stood. */
  readonly wrong: readonly string[]
  readonly figures: Readonly<Record<string, number>>
}

/** What the samples say: whether the honest were served, the attackers bounded, and memory flat. */
export function judge(samples: readonly Sample[], options: { readonly bounds: Bounds; readonly most: number }): Verdict {
  const { bounds, most } = options
  const last = samples.at(-1)
  if (last === undefined || samples.length < ENOUGH) return { wrong: ['it was too short to tell anything'], figures: {} }
  const warm = samples.filter(({ at }) => at >= last.at * WARM_UP)
  const rss = slope(warm.map(({ at, taken }) => [at, taken.rss]))
  const heap = slope(warm.map(({ at, taken }) => [at, taken.heap]))
  const { served, attacked, taken } = last
  const minute = samples.find(({ at }) => at >= 60_000) ?? samples[0]!
  const connections = Math.max(...samples.map((one) => one.taken.connections))
  const total = Object.values(attacked.made).reduce((sum, count) => sum + count, 0)
  const seconds = last.at / 1_000

  const wrong = [
    served.errors > 0 && `${served.errors} honest calls failed: ${served.sayings.join(' · ')}`,
    (served.calls === 0 || served.newcomers === 0 || served.values === 0) && 'no honest call was made',
    ...Object.entries(attacked.made).map(([name, count]) => count === 0 && `nobody tried "${name}"`),
    connections > most && `${connections} connections were open at once, of ${most}`,
    rss > bounds.rss && `memory (RSS) grew by ${mib(rss)} MiB a minute, of ${mib(bounds.rss)}`,
    heap > bounds.heap && `the heap grew by ${mib(heap)} MiB a minute, of ${mib(bounds.heap)}`,
  ].filter((one) => one !== false)

  return {
    wrong,
    figures: {
      minutes: round(last.at / 60_000),
      honest_calls: served.calls,
      honest_calls_per_second: round(served.calls / seconds),
      honest_stream_values: served.values,
      honest_newcomers: served.newcomers,
      honest_errors: served.errors,
      longest_call_ms: round(served.longestCall),
      longest_newcomer_ms: round(served.longestNewcomer),
      attacks: total,
      attacks_per_second: round(total / seconds),
      attackers_connected_at_most: attacked.peak,
      connections_at_most: connections,
      held_mib_at_most: mib(Math.max(...samples.map((one) => one.taken.held))),
      rss_mib_minute_1: mib(minute.taken.rss),
      rss_mib_end: mib(taken.rss),
      rss_mib_at_most: mib(Math.max(...samples.map((one) => one.taken.rss))),
      rss_mib_per_minute: mib(rss),
      heap_mib_minute_1: mib(minute.taken.heap),
      heap_mib_end: mib(taken.heap),
      heap_mib_per_minute: mib(heap),
      server_cpu_seconds: round(taken.cpu),
    },
  }
}

/** Of the line that fits best (least squares), a minute. */
export function slope(points: readonly (readonly [at: number, value: number])[]): number {
  const mean = (pick: 0 | 1): number => points.reduce((sum, point) => sum + point[pick], 0) / points.length
  const [middle, level] = [mean(0), mean(1)]
  let [above, below] = [0, 0]
  for (const [at, value] of points) {
    above += (at - middle) * (value - level)
    below += (at - middle) ** 2
  }
  return below === 0 ? 0 : (above / below) * 60_000
}

const mib = (bytes: number): number => round(bytes / 1024 / 1024)
const round = (value: number): number => Math.round(value * 100) / 100
