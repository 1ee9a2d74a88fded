import { once } from 'node:events'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { eurekaRegistry } from '@dure/registry'
import type { Registry } from 'dure/discovery'
import { realRuntime, type Runtime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import type { BenchContext, BenchResult } from '../bench.ts'
import { usageOf } from '../marketplace/usage.ts'
import { instanceOf, put, register } from './eureka.ts'
import { createChildren, eurekaServer, ourServer, program, type Children, type Server } from './servers.ts'

/** It compares with a server in Java. */
export const peers = false

export type DiscoveryScale = {
  readonly services: number
  /** Of each service. */
  readonly instances: number
  /** Changes that are waited for, one after the other. */
  readonly changes: number
  /** Processes that are killed, one after the other. */
  readonly kills: number
  /** Seconds in which nothing but signs of life comes. */
  readonly rest: number
  /** Milliseconds between two questions of a watcher to a server that does not push. */
  readonly poll: number
  /** The program with Spring's Eureka server; undefined to leave it out. */
  readonly jar: string | undefined
}

const SCALE: Omit<DiscoveryScale, 'jar'> = { services: 1_000, instances: 10, changes: 100, kills: 10, rest: 20, poll: 1_000 }
/** Of the processes that are killed. */
const LEASE = { heartbeat: 500, seconds: 2 }
/** Of everybody else: long, so that nobody is missed whose signs of life come late because this machine is slow. */
const OTHERS = { heartbeat: 120_000, seconds: 600 }
/** Milliseconds in which each of the others gives a sign of life. */
const ROUND = 30_000
/** Milliseconds that anything is waited for. */
const LONG = 120_000

/**
 * A registry with a thousand services of ten instances each: how long until a watcher has heard of a change, and of a process that was
 * killed; what the registry needs. Eureka's own server is beside it, asked by the same watcher.
 */
export function bench(context: BenchContext): Promise<BenchResult> {
  const jar = eurekaJar()
  if (jar === undefined)
    context.progress("✖ Eureka's server is not measured, since it is not here; once: npm run peers -- eureka")
  return benchDiscovery(context, { ...SCALE, jar })
}

export async function benchDiscovery({ progress }: BenchContext, scale: DiscoveryScale): Promise<BenchResult> {
  const children = createChildren()
  const directory = mkdtempSync(join(tmpdir(), 'dure-discovery-'))
  const runtime = realRuntime()
  try {
    const ours = await measure(await ourServer(children, join(directory, 'ours')), {
      scale,
      children,
      directory,
      runtime,
      progress,
    })
    await children.stop()
    const result = { ratios: {}, figures: named('', ours) }
    if (scale.jar === undefined) return result
    const theirs = await eurekaServer(children, scale.jar, runtime.timers)
      .then((server) => measure(server, { scale, children, directory, runtime, progress }))
      .catch((error: unknown) => progress(`✖ Eureka's server is not measured: ${String(error)}`))
    if (theirs === undefined) return result
    return {
      ratios: Object.fromEntries(
        (['notify_p99_ms', 'kill_detect_ms', 'cpu_percent', 'rss_mb'] as const).map((name) => [
          `eureka_vs_dure_${name.replace(/_(ms|percent|mb)$/, '')}`,
          theirs[name] / ours[name],
        ]),
      ),
      figures: { ...result.figures, ...named('eureka_', theirs) },
      shown: [
        `The killed had leases of ${LEASE.seconds} s and said something every ${LEASE.heartbeat} ms.`,
        `The watcher asked Eureka's server every ${scale.poll} ms; Spring's own asks every 30 s.`,
      ],
    }
  } finally {
    await children.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

type Measured = Readonly<Record<'notify_p50_ms' | 'notify_p99_ms' | 'kill_detect_ms' | 'cpu_percent' | 'rss_mb', number>>
type Rig = {
  readonly scale: DiscoveryScale
  readonly children: Children
  readonly directory: string
  readonly runtime: Runtime
  readonly progress: BenchContext['progress']
}

async function measure(server: Server, rig: Rig): Promise<Measured> {
  const { scale, directory, runtime, progress } = rig
  const { url, pid } = server
  const all = Array.from({ length: scale.services }, (_, service) =>
    Array.from({ length: scale.instances }, (_, i) => instanceOf(`SERVICE-${service}`, `service-${service}:${i}`, OTHERS)),
  ).flat()
  progress(`Registering ${all.length} instances at ${url}`)
  const registered: ReturnType<typeof instanceOf>[] = []
  const beating = beats(url, registered, runtime)
  await each(all, 16, async (instance) => {
    await register(url, instance)
    registered.push(instance)
  })
  const log = silentLogger()
  const watcher = await eurekaRegistry({ url, poll: scale.poll, timeout: 30_000 })({ directory, runtime, log })
  try {
    await heard(watcher, () => watcher.services().length >= scale.services)
    const before = usageOf(pid)
    await runtime.timers.sleep(scale.rest * 1_000)
    const after = usageOf(pid)
    progress(`Waiting for ${scale.changes} changes`)
    const changes = await changed(watcher, url, rig)
    progress(`Killing ${scale.kills} processes`)
    const kills = await killed(watcher, url, rig)
    const measured = {
      notify_p50_ms: percentile(changes, 0.5),
      notify_p99_ms: percentile(changes, 0.99),
      kill_detect_ms: percentile(kills, 1),
      cpu_percent: ((after.cpuSeconds - before.cpuSeconds) / scale.rest) * 100,
      rss_mb: usageOf(pid).rssMb,
    }
    progress(JSON.stringify(measured))
    return measured
  } finally {
    await watcher.stop()
    await beating.stop()
  }
}

/** Signs of life of everybody, spread over the time. */
function beats(
  url: string,
  all: readonly ReturnType<typeof instanceOf>[],
  { timers }: Runtime,
): { readonly stop: () => Promise<void> } {
  const tick = 100
  let stopped = false
  /** Whoever is not known any more registers, as all clients do. */
  const beat = (instance: ReturnType<typeof instanceOf>): Promise<void> =>
    put(`${url}/apps/${instance.app}/${instance.instanceId}`).catch(() => register(url, instance))
  const loop = async (): Promise<void> => {
    for (let next = 0; !stopped;) {
      const these = all.slice(next, next + Math.max(1, Math.ceil((all.length * tick) / ROUND)))
      next = these.length === 0 ? 0 : next + these.length
      await Promise.all([timers.sleep(tick), ...these.map(beat)])
    }
  }
  const running = loop()
  // Said when it is stopped.
  running.catch(() => {})
  return {
    stop: async () => {
      stopped = true
      await running
    },
  }
}

/** Milliseconds from before somebody says something new of an instance until the watcher has heard of it. */
async function changed(watcher: Registry, url: string, { scale, runtime }: Rig): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < scale.changes; i++) {
    const service = (i * 7) % scale.services
    const id = `service-${service}:${i % scale.instances}`
    const begun = performance.now()
    await put(`${url}/apps/SERVICE-${service}/${id}/metadata?change=${i}`)
    await heard(watcher, () =>
      watcher.instances(`service-${service}`).some((one) => one.id === id && one.metadata['change'] === String(i)),
    )
    times.push(performance.now() - begun)
    await runtime.timers.sleep(20)
  }
  return times
}

/** Milliseconds from the end of a process until the watcher has it out. */
async function killed(watcher: Registry, url: string, { scale, children, runtime }: Rig): Promise<number[]> {
  const started = await Promise.all(
    Array.from({ length: scale.kills }, (_, i) =>
      program(children, 'instance.ts', [url, 'KILLED', `killed:${i}`, String(LEASE.heartbeat), String(LEASE.seconds)]),
    ),
  )
  await heard(watcher, () => watcher.instances('killed').length === scale.kills)
  const times: number[] = []
  for (const [i, { child }] of started.entries()) {
    // Not always at the same moment between two signs of life.
    await runtime.timers.sleep(runtime.random.integer(LEASE.heartbeat))
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    const begun = performance.now()
    await heard(watcher, () => watcher.instances('killed').every(({ id }) => id !== `killed:${i}`))
    times.push(performance.now() - begun)
  }
  return times
}

/** @throws {Error} when it takes too long */
async function heard(watcher: Registry, is: () => boolean): Promise<void> {
  if (is()) return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const watching = watcher.watch(undefined, () => is() && resolve())
  const late = setTimeout(() => reject(new Error(`A watcher has not heard of a change within ${LONG} ms`)), LONG)
  try {
    await promise
  } finally {
    clearTimeout(late)
    watching.stop()
  }
}

async function each<T>(all: readonly T[], atOnce: number, work: (one: T) => Promise<void>): Promise<void> {
  const left = all.values()
  const worker = async (): Promise<void> => {
    for (const one of left) await work(one)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

function percentile(times: readonly number[], part: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)]!
}

function named(prefix: string, measured: Measured): Record<string, number> {
  return Object.fromEntries(Object.entries(measured).map(([name, value]) => [`${prefix}${name}`, value]))
}

/** Where `npm run peers -- eureka` has built it. */
function eurekaJar(): string | undefined {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  return globSync(join(cache, 'dure/judges/eureka-*/target/eureka-1.jar'))[0]
}
