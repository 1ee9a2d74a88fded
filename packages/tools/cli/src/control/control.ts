/** The control socket: how the owner of a data directory talks to the system that runs on it. */
export { control } from './door.ts'
export {
  askCall,
  askDead,
  askExtensions,
  askForget,
  askInstances,
  askConfig,
  askLag,
  askListing,
  askPlace,
  askMetrics,
  askPlacement,
  askPlan,
  askRecord,
  askRestart,
  askScale,
} from './client.ts'
export type { DeadRequest, DeadSelection } from './dead-protocol.ts'
export { serveSupervisor, type ProcessListing } from './supervisor.ts'
export { listingOf } from './protocol.ts'
export type { CallFailure, InstanceListing, OperationListing, ServiceListing, SystemListing } from './protocol.ts'
export { socketPath } from './socket.ts'
