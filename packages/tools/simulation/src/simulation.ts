/**
 * Deterministic simulation: whole systems, real code, in one thread under virtual time, from one seed. Processes crash
 * and freeze, messages are delayed, lost and doubled, disks are slow and full; then all is healed, and invariants are checked.
 */
export { describeOutcome, FAULTS, shrink, simulate, sometimes, timeline } from './run/run.ts'
export type {
  CheckWorld,
  FaultKind,
  Happened,
  Load,
  LoadWorld,
  Only,
  Outcome,
  Pin,
  Placed,
  Shrunk,
  SimulateOptions,
  Simulation,
  SimulationSource,
  StepWorld,
  SystemSource,
  TimelineOptions,
} from './run/run.ts'
export { playStory, type PlayOptions } from './story/story.ts'
export { describeReport, explore, loadSimulation } from './explore/explore.ts'
export type { ExploreOptions, Report, SeedResult } from './explore/explore.ts'
