/** The control socket: how the owner of a data directory talks to the system that runs on it. */
export { control } from './door.ts'
export {
  askCall,
  askForget,
  askInstances,
  askConfig,
  askLag,
  askListing,
  askOperator,
  askPlace,
  askMetrics,
  askPlacement,
  askPlan,
  askRecord,
  askReleases,
  askRestart,
  askScale,
  askSettings,
  EndedError,
  operatorOf,
  type InstanceListing,
} from './client.ts'
export { serveSupervisor } from './supervisor.ts'
export { listingOf } from './protocol.ts'
export type { CallFailure, OperationListing, ServiceListing, SystemListing } from './protocol.ts'
