/** Answers made from what several services know: asked of them at the moment (`compose`), or gathered before (`readModel`). */
export { batch, type BatchOptions } from './batch.ts'
export { compose, type Composed, type ComposeOptions, type Missing, type Part } from './compose.ts'
export type { History } from './history.ts'
export type { ModelPosition, Projecting, Served } from './model.ts'
export { readModel, type ReadModel, type ReadModelOptions } from './read-model.ts'
