/** What Dure's own rooms and packages share of `stream`, and no promise to anybody else. */
export { millisecondsOf } from './duration.ts'
export { plainNode } from './graph.ts'
export { openTask, type InputRecord, type Task, type TaskOptions } from './task.ts'
export type { TopologyState, Why } from './running/kind.ts'
export { sourcesOf } from './topology.ts'
