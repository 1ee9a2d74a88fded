/** What Dure's own rooms and packages share of `call`, and no promise to anybody else. */
export { Cancellation, type CancelListener, type CancelReason } from './cancellation.ts'
export { DEFAULT_WINDOW, Receiver, Sender } from './credit.ts'
export type { ConnectPeer, Peer } from './peer.ts'
export type { Route, Target } from './transport.ts'
export { clientFactory, type Caller } from './client.ts'
export type { EndpointOptions } from './callee.ts'
export { createEndpoint, type Endpoint } from './endpoint.ts'
export { createGate, type Gate } from './gate.ts'
export { fetchFactory, type FetchOptions } from './fetch.ts'
export { createJoinedTransport } from './joined.ts'
export { createLocalTransport, type LocalRoute, type LocalTransport } from './local.ts'
export {
  clone,
  createRemoteTransport,
  type RemoteInstance,
  type RemotePolicy,
  type RemoteService,
  type RemoteStatus,
  type RemoteTransport,
} from './remote/remote.ts'
export { createOperationMetrics, type OperationMetrics } from './metrics.ts'
export {
  listenSocket,
  socketPeers,
  watchFrames,
  type Accept,
  type ByteStream,
  type ClientTls,
  type Dial,
  type Heartbeat,
  type ListenerStatus,
  type ListenSocketOptions,
  type ServerTls,
  type SocketLimits,
  type SocketListener,
  type SocketPeersOptions,
} from './socket/socket.ts'
