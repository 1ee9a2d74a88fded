/** Tests that users run on their own services. */
export { anything, arbitraryOf, arbitraryOfJson, copyOf, hostile, wrongOf } from './arbitrary/arbitrary.ts'
export { checkPlacement, describeReport, differenceOf, placements, placementSuite, reportAsJson } from './placement/placement.ts'
export type {
  CheckPlacementOptions,
  Copy,
  CopyWorld,
  Difference,
  Failure,
  Finding,
  Manner,
  OperationReport,
  Outcome,
  Placement,
  PlacementReport,
  ProbeFinding,
  ServiceReport,
  Step,
  SteppedRuntime,
  SystemFile,
} from './placement/placement.ts'
