/** What Dure's own rooms and packages share of `call`, and no promise to anybody else. */
export { Cancellation, type CancelListener, type CancelReason } from './cancellation.ts'
export { cancelledError, NOT_BEGUN } from './failure.ts'
export type { ConnectPeer, Peer } from './peer.ts'
export type { Route, Settle, Target } from './transport.ts'
export { clientFactory, operationStarter } from './client.ts'
export type { Caller, CallKeys } from './outgoing-call.ts'
export { EndedElsewhere, invalidInput, invalidOutput, type ServedInput } from './callee.ts'
export { ValueStream } from './value-stream.ts'
export { accessCheck } from './access.ts'
export { createEndpoint } from './endpoint.ts'
export { createAdmission, type Admission } from './admission.ts'
export { Pending } from './pending.ts'
export { fetchFactory } from './fetch.ts'
export { httpFactory } from './http.ts'
export { createJoinedTransport } from './joined.ts'
export { createLocalTransport, type LocalTransport } from './local.ts'
export {
  createRemoteTransport,
  isSafeToRepeat,
  type CallingProcess,
  type RemoteInstance,
  type RemoteService,
  type RemoteTransport,
} from './remote/remote.ts'
export { createOperationMetrics, type OperationMetrics } from './metrics.ts'
export {
  listenSocket,
  socketPeers,
  watchFrames,
  type Accept,
  type ByteStream,
  type Dial,
  type ListenerStatus,
  type LiveTls,
  type Naming,
  type Tls,
} from './socket/socket.ts'
export { createGuards, type Guards, type OwnPolicies } from './guarded/guards.ts'
export { checkPolicies, remoteChanges } from './guarded/policies.ts'
export { hystrixCommand } from './guarded/hystrix.ts'
export { placeOfCall } from './tracing.ts'
