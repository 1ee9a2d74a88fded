/** Deterministic simulation: whole systems, real code, in one thread under virtual time, from one seed. */
export { FAULTS, type FaultKind, type Happened } from './run/faults.ts'
export type { CheckWorld, Load, LoadWorld, Placed, Simulation, SimulationSource, StepWorld, SystemSource } from './run/options.ts'
export type { Outcome } from './run/outcome.ts'
export { simulate, type SimulateOptions } from './run/simulate.ts'
export { sometimes } from './run/sometimes.ts'
