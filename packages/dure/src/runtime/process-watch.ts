import { readdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { monitorEventLoopDelay, performance, PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import { threadId } from 'node:worker_threads'

/** What is measured of the process itself. Seconds and bytes. */
export type ProcessNumbers = {
  readonly uptime: number
  readonly cpu: { readonly user: number; readonly system: number }
  readonly memory: number
  /** Undefined where the system does not say. */
  readonly openFiles: number | undefined
  /** What keeps the process alive, by kind: sockets, timers, … */
  readonly resources: ReadonlyMap<string, number>
  readonly heap: { readonly limit: number; readonly spaces: ReadonlyMap<string, number> }
  /** Since the start, and for how long turns of the event loop took in the last while. */
  readonly loop: {
    readonly active: number
    readonly idle: number
    readonly delay: Readonly<Record<'min' | 'max' | 'mean' | 'stddev' | 'p50' | 'p90' | 'p99', number>>
  }
}

export type ProcessWatch = {
  readonly host: string
  /** 0 for that of the process itself. */
  readonly thread: number
  readonly read: () => ProcessNumbers
  readonly stop: () => void
}

/** Told of each garbage collection, with its kind in OpenTelemetry's words and milliseconds. */
export type OnCollection = (kind: 'major' | 'minor' | 'incremental' | 'weakcb', ms: number) => void

/** V8's numbers of them. */
const KINDS: Readonly<Record<number, Parameters<OnCollection>[0]>> = {
  1: 'minor',
  2: 'minor',
  4: 'major',
  8: 'incremental',
  16: 'weakcb',
}
/** Milliseconds for which delays are gathered; several who read them must not take them from each other. */
const WINDOW = 15_000

/** Measures this process, or this thread of it, while somebody wants to know. */
export function watchProcess(onCollection: OnCollection): ProcessWatch {
  // By turn, so that a process without work is not woken; where Node cannot, by a timer.
  const options = { samplePerIteration: true, resolution: 20 } as { resolution: number }
  let [current, before] = [monitorEventLoopDelay(options), undefined as ReturnType<typeof monitorEventLoopDelay> | undefined]
  current.enable()
  let since = performance.now()
  const collections = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as unknown as { readonly detail: { readonly kind: number } }).detail
      onCollection(KINDS[kind] ?? 'major', entry.duration)
    }
  })
  collections.observe({ entryTypes: ['gc'] })
  /** The last whole window, and until there is one what has been seen so far. */
  const delays = (): typeof current => {
    if (performance.now() - since >= WINDOW) {
      current.disable()
      ;[before, current, since] = [current, monitorEventLoopDelay(options), performance.now()]
      current.enable()
    }
    return before ?? current
  }
  return {
    host: hostname(),
    thread: threadId,
    read: () => {
      const { user, system } = process.cpuUsage()
      const { active, idle } = performance.eventLoopUtilization()
      return {
        uptime: process.uptime(),
        cpu: { user: user / 1e6, system: system / 1e6 },
        memory: process.memoryUsage.rss(),
        openFiles: openFiles(),
        resources: new Map(
          [...Map.groupBy(process.getActiveResourcesInfo(), (kind) => kind)].map(([kind, all]) => [kind, all.length]),
        ),
        heap: {
          limit: getHeapStatistics().heap_size_limit,
          spaces: new Map(getHeapSpaceStatistics().map((space) => [space.space_name, space.space_used_size])),
        },
        loop: { active: active / 1_000, idle: idle / 1_000, delay: delayOf(delays()) },
      }
    },
    stop: () => {
      current.disable()
      collections.disconnect()
    },
  }
}

function delayOf(seen: ReturnType<typeof monitorEventLoopDelay>): ProcessNumbers['loop']['delay'] {
  const seconds = (nanoseconds: number): number => (seen.count === 0 || !Number.isFinite(nanoseconds) ? 0 : nanoseconds / 1e9)
  return {
    ...{ min: seconds(seen.min), max: seconds(seen.max), mean: seconds(seen.mean), stddev: seconds(seen.stddev) },
    ...{ p50: seconds(seen.percentile(50)), p90: seconds(seen.percentile(90)), p99: seconds(seen.percentile(99)) },
  }
}

function openFiles(): number | undefined {
  try {
    // The one by which they are read is closed again.
    return readdirSync('/proc/self/fd').length - 1
  } catch {
    return undefined
  }
}
