/** Asking another service: typed clients over one pipeline, whatever carries the call. */
export { Cancellation, type CancelListener, type CancelReason } from './cancellation.ts'
export type { CallContext, CallOptions } from './context.ts'
export type { Route, Target, Transport } from './transport.ts'
export { clientFactory, type Attempt, type Caller, type Client, type ClientOperation } from './client.ts'
export { createEndpoint, type Endpoint, type EndpointOptions } from './endpoint.ts'
export { createGate, type Gate } from './gate.ts'
export { createLocalTransport, type LocalTransport } from './local.ts'
export { createOperationMetrics, type OperationMetrics } from './metrics.ts'
