/** What Dure's own rooms share of `resilience`, and no promise to anybody else. */
export { BOUND } from './balance/consistent-hash.ts'
export { OVERLOAD } from './balance/zone-first.ts'
export { completeBreaker } from './breaker.ts'
export { completeEjection } from './ejection.ts'
export { completeBudget } from './retry-budget.ts'
export { GuardedCall, type Admitter, type Part } from './guard.ts'
export { markSilent } from './outcome.ts'
export { timeWindow, type Window } from './window.ts'
