/** Staying up while others are down: each room of the kit can be used alone. */
export { createBackoff, type Backoff, type BackoffPolicy } from './backoff.ts'
export { leastOfTwo, type Loaded } from './balancer.ts'
export { createBulkhead, type Admission, type Bulkhead, type BulkheadOptions } from './bulkhead.ts'
export { createEjection, type Ejection, type EjectionPolicy, type Standing, type StandingChange } from './ejection.ts'
export { createRetryBudget, type RetryBudget, type RetryBudgetPolicy } from './retry-budget.ts'
