/** Staying up while others are down: all of it around one function (`resilient`), and each piece by itself. */
export { backoff, type BackoffPolicy } from '../runtime/internal.ts'
export { leastOfTwo, type Loaded } from './balancer.ts'
export { createBulkhead, type Admission, type Bulkhead, type BulkheadOptions } from './bulkhead.ts'
export { createEjection, type Ejection, type EjectionPolicy, type HostHealth, type HealthChange } from './ejection.ts'
export { createRetryBudget, type RetryBudget, type RetryBudgetPolicy } from './retry-budget.ts'
export type { HostState } from './hosts.ts'
export { resilient } from './resilient.ts'
export type {
  FunctionResilienceOptions,
  HttpResilienceOptions,
  ResilienceOptions,
  Resilient,
  ResilientOptions,
} from './options.ts'
