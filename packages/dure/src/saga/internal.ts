/** What Dure's own packages share of `saga`, and no promise to anybody else. */
export { historyMisfit } from './fit.ts'
export type { SagaHistory, ShownInstance, ShownStep } from './control.ts'
export type { AnySaga } from './definition.ts'
