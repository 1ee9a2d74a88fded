/**
 * Deterministic simulation: whole systems, real code, in one thread under virtual time, from one seed. Processes crash
 * and freeze, messages are delayed, lost and doubled, disks are slow and full; then all is healed, and invariants are checked.
 */
export { FAULTS, type FaultKind, type Happened } from './run/faults.ts'
export type {
  CheckWorld,
  Load,
  LoadWorld,
  Only,
  Placed,
  Simulation,
  SimulationSource,
  StepWorld,
  SystemSource,
} from './run/options.ts'
export type { Outcome } from './run/outcome.ts'
export { simulate, type SimulateOptions } from './run/simulate.ts'
export { shrink, type Shrunk } from './run/shrink.ts'
export { sometimes } from './run/sometimes.ts'
export { describeOutcome, timeline } from './run/timeline.ts'
export { explore, type ExploreOptions } from './explore/explore.ts'
export { describeReport, RARE, type Report } from './explore/report.ts'
export { loadSimulation } from './explore/load.ts'
export { trySeed, type SeedResult } from './explore/seeds.ts'
