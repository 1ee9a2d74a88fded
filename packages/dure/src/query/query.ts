/** Answers made from what several services know: asked of them at the moment (`compose`), or gathered before. */
export { batch, type BatchOptions } from './batch.ts'
export { compose, type Composed, type ComposeOptions, type Part } from './compose.ts'
