/** Virtual time, chance from a seed, simulated processes, and the trace of what happens. */
export { importFresh, modulesLoaded, withoutMarks, type Exports } from './fresh-modules.ts'
export { causesOf, watchWorld } from './real-world.ts'
export { between, createChance, mix, pick, type Chance } from './chance.ts'
export { createEngine, type Engine } from './engine.ts'
export { watchEscapes } from './escapes.ts'
export { closeFiles, createProcess, EPOCH, kill, never, thaw, type Process } from './process.ts'
export { createTrace, type Trace, type TraceLine } from './trace.ts'
