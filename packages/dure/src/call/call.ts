/** Asking another service: typed clients over one pipeline, whatever carries the call. */
export type { CallContext, CallOptions } from './context.ts'
export type { Transport } from './transport.ts'
export { type Attempt, type Client, type ClientOperation } from './client.ts'
export { type ContextFetch } from './fetch.ts'
export type { BalancePolicy } from './remote/remote.ts'
export { livePolicies, type CallPolicies, type CallPolicy, type LivePolicies, type PolicySource } from './guarded/policies.ts'
export type { CallReading } from './guarded/guards.ts'
export type { CallEnd } from './guarded/call-window.ts'
