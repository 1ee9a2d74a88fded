/** Where releases run: the port, and what adapters for it are written with. */
export type { CopyHealth, Deployed, Plan, ReleaseHealth, Target, Wanted } from './port.ts'
export { behindGateway, type BehindGateway, type BehindGatewayOptions } from './behind-gateway.ts'
export { describedTrouble, environmentProblems, idOf, shareProblems } from './wanted.ts'
export type { CopyHost, CopyRun, CopyState } from './copies.ts'
export { countsBetween, LATENCIES, latencyOf, type CallCounts } from './counts.ts'
export { isRunning, startDetached, stateOf, stopDetached, writeAtomically } from './detached.ts'
