/** Staying up while others are down: each policy by itself, several in an order (`compose`), and a careful `fetch` (`resilient`). */
export { backoff, type BackoffPolicy } from '../runtime/internal.ts'
export { aimd, gradient, type AimdPolicy, type GradientPolicy, type Limit, type LimitSample } from './adaptive.ts'
export { consistentHash } from './balance/consistent-hash.ts'
export { peakEwma } from './balance/peak-ewma.ts'
export { roundRobin } from './balance/round-robin.ts'
export { slowStart } from './balance/slow-start.ts'
export { sticky } from './balance/sticky.ts'
export { subsetOf } from './balance/subset.ts'
export { weightedRoundRobin } from './balance/weighted.ts'
export { zoneFirst } from './balance/zone-first.ts'
export { leastOfTwo, twoChoices, type Balancer, type Loaded } from './balancer.ts'
export {
  breaker,
  type Breaker,
  type BreakerChange,
  type BreakerOptions,
  type BreakerPolicy,
  type BreakerReading,
  type BreakerState,
  type Closed,
  type HalfOpen,
  type Open,
} from './breaker.ts'
export { createBulkhead, type Admission, type Bulkhead, type BulkheadOptions } from './bulkhead.ts'
export { cache, type CacheGuard, type CacheOptions, type CachePolicy } from './cache.ts'
export { collapse, type CollapseOptions } from './collapse.ts'
export { compose } from './compose.ts'
export {
  bulkhead,
  limit,
  type BulkheadGuard,
  type BulkheadGuardOptions,
  type LimitGuard,
  type LimitOptions,
  type Shares,
} from './concurrency.ts'
export { createEjection, type Ejection, type EjectionPolicy, type HostHealth, type HealthChange } from './ejection.ts'
export { fallback, type FallbackOptions } from './fallback.ts'
export type { AnsweredBy, AroundOptions, Guard, Guarded, PolicyKind, PolicyWorld, Priority, RunOptions } from './guard.ts'
export { hedge, type HedgeOptions } from './hedge.ts'
export type { HostState } from './hosts.ts'
export {
  createRateLimit,
  rateLimit,
  type OwnRateLimit,
  type RateLimit,
  type RateLimitOptions,
  type RatePolicy,
  type Taken,
} from './rate-limit.ts'
export { refusedBy, type Refuser } from './refusal.ts'
export { resilient } from './resilient.ts'
export { retry, type RetryOptions } from './retry.ts'
export { createRetryBudget, type RetryBudget, type RetryBudgetPolicy } from './retry-budget.ts'
export { timeout, type TimeoutOptions } from './timeout.ts'
export type {
  FunctionResilienceOptions,
  HttpResilienceOptions,
  ResilienceOptions,
  Resilient,
  ResilientOptions,
} from './options.ts'
