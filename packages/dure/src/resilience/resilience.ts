/** Staying up while others are down: each room of the kit can be used alone. */
export { backoff, type BackoffPolicy } from '../runtime/internal.ts'
export { leastOfTwo, type Loaded } from './balancer.ts'
export { createBulkhead, type Admission, type Bulkhead, type BulkheadOptions } from './bulkhead.ts'
export { createEjection, type Ejection, type EjectionPolicy, type HostHealth, type HealthChange } from './ejection.ts'
export { createRetryBudget, type RetryBudget, type RetryBudgetPolicy } from './retry-budget.ts'
