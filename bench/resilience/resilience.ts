import {
  breaker,
  bulkhead,
  cache,
  collapse,
  compose,
  fallback,
  hedge,
  limit,
  rateLimit,
  retry,
  timeout,
  type Guard,
} from 'dure/resilience'
import type { BenchContext, BenchResult } from '../bench.ts'
import { installPeers } from '../peers.ts'

/** Its peers are installed here. */
export const peers = false

export type Scale = { readonly calls: number; readonly rounds: number; readonly peers: boolean }

/**
 * What policies add to a call of an asynchronous function that is answered: all of them together, each alone, and the same four (retry,
 * breaker, timeout, bulkhead) in Cockatiel; Opossum's breaker, which has a timeout and a capacity, beside ours with both.
 */
export function bench(context: BenchContext): Promise<BenchResult> {
  return benchResilience(context, { calls: 20_000, rounds: 60, peers: true })
}

type Call = () => Promise<unknown>

export async function benchResilience({ progress }: BenchContext, { calls, rounds, peers: all }: Scale): Promise<BenchResult> {
  if (all) await installPeers(import.meta.dirname, progress)
  const contenders: Record<string, Call> = {
    bare: work,
    ...own(),
    ...(all ? { ...(await cockatiel()), ...(await opossum()) } : {}),
  }
  const best: Record<string, number> = {}
  // Rounds are interleaved, and the best of each counts: other work on the machine only ever slows down.
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${rounds}`)
    for (const [name, call] of Object.entries(contenders))
      best[name] = Math.min(best[name] ?? Number.POSITIVE_INFINITY, await microseconds(call, calls))
  }
  const added = (name: string): number => best[name]! - best['bare']!
  const names = Object.keys(contenders).filter((name) => name !== 'bare')
  return {
    ratios: all
      ? {
          vs_cockatiel: added('cockatiel') / added('same'),
          vs_opossum: added('opossum') / added('breaker_timeout_bulkhead'),
        }
      : {},
    figures: { bare_us: best['bare']!, ...Object.fromEntries(names.map((name) => [`${name}_us`, added(name)])) },
  }
}

const work = async (): Promise<number> => 1

function own(): Record<string, Call> {
  const all: Record<string, () => Guard> = {
    fallback: () => fallback(() => 0),
    cache: () => cache({ stale: 60_000 }),
    collapse: () => collapse(),
    retry: () => retry(),
    hedge: () => hedge({ after: 1_000 }),
    breaker: () => breaker(),
    rate_limit: () => rateLimit({ rate: 1_000_000_000 }),
    timeout: () => timeout({ ms: 1_000 }),
    limit: () => limit(),
    bulkhead: () => bulkhead({ concurrency: 10, queue: 10 }),
  }
  const of = (...names: readonly string[]): Call => {
    const guard = compose(...names.map((name) => all[name]!()))
    const keyed = names.includes('cache') || names.includes('collapse')
    return guard.around(work, keyed ? { key: () => 'one' } : {})
  }
  return {
    all_on: of(...Object.keys(all)),
    same: of('retry', 'breaker', 'timeout', 'bulkhead'),
    breaker_timeout_bulkhead: of('breaker', 'timeout', 'bulkhead'),
    ...Object.fromEntries(Object.keys(all).map((name) => [name, of(name)])),
  }
}

async function cockatiel(): Promise<Record<string, Call>> {
  const library = (await load('cockatiel')) as Cockatiel
  const { handleAll, wrap } = library
  const retries = library.retry(handleAll, { maxAttempts: 2, backoff: new library.ExponentialBackoff() })
  const circuit = library.circuitBreaker(handleAll, {
    halfOpenAfter: 5_000,
    breaker: new library.SamplingBreaker({ threshold: 0.5, duration: 10_000 }),
  })
  const times = library.timeout(1_000, library.TimeoutStrategy.Aggressive)
  const guard = wrap(retries, circuit, times, library.bulkhead(10, 10))
  return { cockatiel: () => guard.execute(work), cockatiel_breaker: () => circuit.execute(work) }
}

async function opossum(): Promise<Record<string, Call>> {
  const { default: Breaker } = (await load('opossum')) as {
    readonly default: new (work: Call, options: object) => { fire(): Promise<unknown> }
  }
  const circuit = new Breaker(work, { timeout: 1_000, capacity: 10, rollingCountTimeout: 10_000 })
  return { opossum: () => circuit.fire() }
}

/** Peers' types are not known here on purpose: the tree is checked where they are not installed. */
const load = async (name: string): Promise<unknown> => import(name)

type Policy = { execute(work: Call): Promise<unknown> }
type Cockatiel = {
  readonly handleAll: unknown
  readonly TimeoutStrategy: { readonly Aggressive: unknown }
  readonly ExponentialBackoff: new () => unknown
  readonly SamplingBreaker: new (options: object) => unknown
  retry(policy: unknown, options: object): Policy
  circuitBreaker(policy: unknown, options: object): Policy
  timeout(ms: number, strategy: unknown): Policy
  bulkhead(limit: number, queue: number): Policy
  wrap(...policies: readonly Policy[]): Policy
}

async function microseconds(call: Call, calls: number): Promise<number> {
  for (let i = 0; i < calls / 10; i++) await call()
  const begun = process.hrtime.bigint()
  for (let i = 0; i < calls; i++) await call()
  return Number(process.hrtime.bigint() - begun) / calls / 1_000
}
