/** What Dure's own rooms share of `resilience`, and no promise to anybody else. */
export { completeBreaker } from './breaker.ts'
export { completeEjection } from './ejection.ts'
export { completeBudget } from './retry-budget.ts'
export { GuardedCall, type Admitter, type Part } from './guard.ts'
export { markSilent } from './outcome.ts'
export { timeWindow, type Window } from './window.ts'
