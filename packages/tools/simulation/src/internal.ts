/** What Dure's own tools share of the simulation, and no promise to anybody else. */
export { causesOf, watchWorld } from './kernel/kernel.ts'
export { openThread, type Thread } from './explore/explore.ts'
