/** How often a route was asked, by whom, with what end, and how long it took. */
import type { Clock } from 'dure/runtime'
import type { Reading } from 'dure/telemetry'
import { createHistogram, type Histogram } from 'dure/telemetry/internal'

/** What is counted for each consumer of a route. */
type Counts = { requests: number; errors: number; milliseconds: number; slowest: Slowest }

export type RouteCounts = {
  readonly duration: Histogram
  readonly codes: Map<string, number>
  readonly consumers: ReadonlyMap<string, Counts>
  /** @param now milliseconds of the monotonic clock */
  readonly record: (consumer: string, status: number, duration: number, now: number) => void
}

/** Consumers that are counted by name on a route; further ones are counted together. */
const MOST = 1_000
const OTHERS = '(others)'
/** Milliseconds for which the slowest request is told of, at least; twice as long at most. */
const WINDOW = 60_000

export function createCounts(): RouteCounts {
  const duration = createHistogram()
  const codes = new Map<string, number>()
  const consumers = new Map<string, Counts>()
  const countsOf = (name: string): Counts => {
    const known = consumers.get(name) ?? (consumers.size < MOST ? undefined : consumers.get(OTHERS))
    if (known !== undefined) return known
    const made = { requests: 0, errors: 0, milliseconds: 0, slowest: { window: 0, most: 0, before: 0 } }
    consumers.set(consumers.size < MOST ? name : OTHERS, made)
    return made
  }
  return {
    ...{ duration, codes, consumers },
    record: (consumer, status, ms, now) => {
      duration.record(ms)
      const code = String(status)
      codes.set(code, (codes.get(code) ?? 0) + 1)
      const counts = countsOf(consumer)
      counts.requests++
      if (status >= 500) counts.errors++
      counts.milliseconds += ms
      turn(counts.slowest, now)
      if (ms > counts.slowest.most) counts.slowest.most = ms
    },
  }
}

/** Of this window and of the one before. */
type Slowest = { window: number; most: number; before: number }

function turn(slowest: Slowest, now: number): void {
  const window = Math.floor(now / WINDOW)
  if (window === slowest.window) return
  slowest.before = window === slowest.window + 1 ? slowest.most : 0
  slowest.most = 0
  slowest.window = window
}

const FAMILIES = {
  requests: { name: 'dure.gateway.requests', unit: '{request}', kind: 'counter', help: 'Requests, by route and consumer' },
  errors: {
    name: 'dure.gateway.errors',
    unit: '{request}',
    kind: 'counter',
    help: 'Requests that were answered with 500 or more, by route and consumer',
  },
  seconds: {
    name: 'dure.gateway.time',
    unit: 's',
    kind: 'counter',
    help: 'Time that requests took together: by their number, the mean',
  },
  slowest: { name: 'dure.gateway.slowest', unit: 's', kind: 'gauge', help: 'The slowest request of the last minute or two' },
} as const

/** As metrics: rate, errors, mean and the slowest, of each consumer of each route. */
export function countsAsMetrics(
  gateway: string,
  routes: ReadonlyMap<string, RouteCounts>,
  { monotonic }: Clock,
): readonly Reading[] {
  const now = monotonic()
  return [...routes].flatMap(([route, { consumers }]) =>
    [...consumers].flatMap(([consumer, { requests, errors, milliseconds, slowest }]) => {
      const attributes = { gateway, route, consumer }
      turn(slowest, now)
      return [
        { family: FAMILIES.requests, attributes, value: requests },
        { family: FAMILIES.errors, attributes, value: errors },
        { family: FAMILIES.seconds, attributes, value: milliseconds / 1_000 },
        { family: FAMILIES.slowest, attributes, value: Math.max(slowest.most, slowest.before) / 1_000 },
      ]
    }),
  )
}
