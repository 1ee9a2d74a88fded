/**
 * Component tests: services of one's own run for one test, in its process and in a folder of its own, with fakes of what they
 * need made from contracts, with events brought to them and recorded, and with faults.
 */
export { fake, type Answers, type Fake } from './fake.ts'
export type { FaultKind } from './faults.ts'
export type { BringOptions } from './publish.ts'
export type { Tested } from './subject.ts'
export { container, type ContainerOptions } from './container.ts'
export { ownProcess, type OwnProcessOptions } from './own-process.ts'
export type { Place, Placed, PlaceWorld } from './place.ts'
export type { TestSystem, TestSystemOptions } from './options.ts'
export { testSystem } from './test-system.ts'
