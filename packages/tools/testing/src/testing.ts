/** Tests that users run on their own services. */
export { checkPlacement, describeReport, placements, placementSuite, reportAsJson } from './placement/placement.ts'
export type { CheckPlacementOptions, Finding, Placement, PlacementReport } from './placement/placement.ts'
