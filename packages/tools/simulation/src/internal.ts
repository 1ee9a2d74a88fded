/** What Dure's own tools share of the simulation, and no promise to anybody else. */
export { causesOf, createEngine, createProcess, kill, thaw, watchWorld, type Engine, type Process } from './kernel/kernel.ts'
export { simulatedBroker, simulatedDatabase } from './ports/ports.ts'
export { makeFolder } from './run/run.ts'
export { openThread, type Thread } from './explore/explore.ts'
