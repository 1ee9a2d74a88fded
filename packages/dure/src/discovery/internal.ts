/** What Dure's own rooms and packages share of `discovery`, and no promise to anybody else. */
export { answers, buryThread, markOf, processIsAlive, socketIn, thisProcess, type ProcessMark } from './embedded/embedded.ts'
export { callAddress, changed, DURE } from './registry.ts'
export { createView, type RegistryView } from './view.ts'
