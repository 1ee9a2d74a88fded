/** Running a system once, from a seed; making a run that fails smaller; telling it. */
export { checkSimulation } from './validate.ts'
export { FAULTS, type FaultKind, type Happened, type Pin } from './faults.ts'
export { makeFolder } from './folder.ts'
export type {
  CheckWorld,
  Load,
  LoadWorld,
  Only,
  Placed,
  Replicas,
  Simulation,
  SimulationSource,
  StepWorld,
  SystemSource,
} from './options.ts'
export type { Outcome } from './outcome.ts'
export { simulate, type SimulateOptions } from './simulate.ts'
export { shrink, type Shrunk } from './shrink.ts'
export { sometimes } from './sometimes.ts'
export { messageOf } from './violation.ts'
export { describeOutcome, timeline, type TimelineOptions } from './timeline.ts'
