/**
 * Operations with a key: calls of one key run one at a time over all copies of a service. Keys are divided into shares, each of which
 * one copy has in an epoch; a call is handed on to the copy that has the share of its key, once, and every transaction of it
 * commits only in that epoch.
 */
export { HANDED_ON, keyedIn, keyedKind, keyedOperations, type Keyed } from './kind.ts'
export { keyedState } from './state.ts'
export type { KeyedState, KeyedStateOptions } from './definition.ts'
export type { AroundTransactions } from './runs.ts'
