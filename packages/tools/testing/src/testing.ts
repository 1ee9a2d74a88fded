/** Tests that users run on their own services. */
export { container, fake, ownProcess, testSystem } from './component/component.ts'
export type {
  Answers,
  BringOptions,
  ContainerOptions,
  Fake,
  FaultKind,
  OwnProcessOptions,
  Place,
  Placed,
  PlaceWorld,
  Tested,
  TestSystem,
  TestSystemOptions,
} from './component/component.ts'
export { checkPlacement, describeReport, inCopies, placements, placementSuite, reportAsJson } from './placement/placement.ts'
export type {
  CheckPlacementOptions,
  Finding,
  FreshDatabase,
  InCopiesOptions,
  Placement,
  PlacementReport,
} from './placement/placement.ts'
export { testStream } from './streams/streams.ts'
export type { PublishedRecord, Pushed, PushOptions, TestStream } from './streams/streams.ts'
