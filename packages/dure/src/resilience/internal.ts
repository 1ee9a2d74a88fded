/** What Dure's own rooms share of `resilience`, and no promise to anybody else. */
export { markSilent } from './outcome.ts'
export { timeWindow, type Window } from './window.ts'
