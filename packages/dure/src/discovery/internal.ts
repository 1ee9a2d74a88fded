/** What Dure's own rooms and packages share of `discovery`, and no promise to anybody else. */
export { answers, buryThread, markOf, processIsAlive, socketIn, thisProcess, type ProcessMark } from './embedded/embedded.ts'
export { pausing, networkRegistry, type NetworkRegistryOptions, type RegistryServer } from './network-registry.ts'
export { RegistryAway } from './registry-away.ts'
export type { Announcement } from './announcing.ts'
export { isInScope, scopeOf } from './embedded/embedded.ts'
export { readInstance } from './read-instance.ts'
export { callAddress, changed, DURE } from './registry.ts'
export { createView, type RegistryView } from './view.ts'
