import { completeBreaker } from '../../resilience/internal.ts'
import type { CallReading } from './guards.ts'

/** Milliseconds that the counts are of. */
const WINDOW = 10_000
const PERCENTILES = ['0', '25', '50', '75', '90', '95', '99', '99.5', '100']

/**
 * The calls of one operation as Hystrix' stream tells of a command; its dashboard shows nothing where a field is not there. A command is
 * called `shop>stock.check`, and at a door `stock.check`. A call that a fallback answered counts twice, as it does there: by what kept the
 * callee from answering, and as a success of the fallback.
 *
 * Hystrix has true and false for a breaker: HALF_OPEN is true in what it sends. The page shows any other text as it is, so the state is told.
 */
export function hystrixCommand(
  reading: CallReading & { readonly copy?: string | undefined },
  currentTime: number,
): Readonly<Record<string, unknown>> {
  const { service, operation, policy, breaker, lately, behindFallback, durations, underWay } = reading
  const caller = reading.copy ?? reading.caller
  const name = `${service}.${operation}`
  const { timeout = false, bulkhead = false } = policy
  const rules = completeBreaker(policy.breaker || {})
  const now = breaker?.now
  const forced = (state: 'OPEN' | 'CLOSED'): boolean => now?.state === state && now.forced
  const time = timeout === false ? 0 : timeout
  return {
    ...{ type: 'HystrixCommand', name: caller === undefined ? name : `${caller}>${name}`, group: caller ?? 'doors', currentTime },
    ...{ threadPool: caller ?? 'doors', reportingHosts: 1 },
    isCircuitBreakerOpen: now?.state === 'HALF_OPEN' ? 'Half-Open' : now?.state === 'OPEN',
    ...countsOf(lately, behindFallback),
    ...{ currentConcurrentExecutionCount: underWay, rollingMaxConcurrentExecutionCount: underWay },
    ...latencies('latencyExecute', durations),
    ...latencies('latencyTotal', durations),
    propertyValue_circuitBreakerRequestVolumeThreshold: rules.minimumCalls,
    propertyValue_circuitBreakerSleepWindowInMilliseconds: rules.open.first,
    propertyValue_circuitBreakerErrorThresholdPercentage: Math.round(rules.failureRate * 100),
    propertyValue_circuitBreakerForceOpen: forced('OPEN'),
    propertyValue_circuitBreakerForceClosed: forced('CLOSED'),
    propertyValue_circuitBreakerEnabled: breaker !== undefined,
    propertyValue_executionIsolationStrategy: 'SEMAPHORE',
    propertyValue_executionIsolationThreadTimeoutInMilliseconds: time,
    propertyValue_executionTimeoutInMilliseconds: time,
    propertyValue_executionIsolationThreadInterruptOnTimeout: timeout !== false,
    propertyValue_executionIsolationThreadPoolKeyOverride: null,
    propertyValue_executionIsolationSemaphoreMaxConcurrentRequests: bulkhead === false ? 0 : bulkhead.concurrency,
    propertyValue_fallbackIsolationSemaphoreMaxConcurrentRequests: 0,
    propertyValue_metricsRollingStatisticalWindowInMilliseconds: WINDOW,
    propertyValue_requestCacheEnabled: policy.cache !== undefined && policy.cache !== false,
    propertyValue_requestLogEnabled: false,
  }
}

function countsOf(lately: CallReading['lately'], behind: CallReading['lately']): Readonly<Record<string, number>> {
  const all = (end: keyof typeof lately): number => lately[end] + behind[end]
  const success = lately.callee
  // Why an answer that was kept is given again, nobody has noted.
  const failure = all('failed') + lately.stale
  const timeout = all('timeout')
  const shortCircuited = all('breaker')
  const rejected = all('rateLimit') + all('limit') + all('bulkhead')
  const errors = failure + timeout + shortCircuited + rejected
  const requests = success + errors
  const missing = lately.failed + lately.timeout + lately.breaker + lately.rateLimit + lately.limit + lately.bulkhead
  return {
    ...{
      errorPercentage: requests === 0 ? 0 : Math.floor((errors / requests) * 100),
      errorCount: errors,
      requestCount: requests,
    },
    rollingCountBadRequests: all('refusedByCallee'),
    rollingCountCollapsedRequests: 0,
    rollingCountEmit: 0,
    rollingCountExceptionsThrown: missing + lately.fallbackFailed,
    rollingCountFailure: failure,
    rollingCountFallbackEmit: 0,
    rollingCountFallbackFailure: lately.fallbackFailed,
    rollingCountFallbackMissing: missing,
    rollingCountFallbackRejection: 0,
    rollingCountFallbackSuccess: lately.fallback + lately.stale,
    rollingCountResponsesFromCache: lately.cache,
    rollingCountSemaphoreRejected: rejected,
    rollingCountShortCircuited: shortCircuited,
    rollingCountSuccess: success,
    rollingCountThreadPoolRejected: 0,
    rollingCountTimeout: timeout,
  }
}

/** Whole milliseconds; `sorted` is the shortest first. */
function latencies(name: string, sorted: readonly number[]): Readonly<Record<string, unknown>> {
  const at = (percent: number): number =>
    sorted.length === 0 ? 0 : Math.round(sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!)
  const sum = sorted.reduce((total, one) => total + one, 0)
  return {
    [`${name}_mean`]: sorted.length === 0 ? 0 : Math.round(sum / sorted.length),
    [name]: Object.fromEntries(PERCENTILES.map((percent) => [percent, at(Number(percent))])),
  }
}
