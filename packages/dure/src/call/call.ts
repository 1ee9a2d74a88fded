/** Asking another service: typed clients over one pipeline, whatever carries the call. */
export type { CallContext, CallOptions } from './context.ts'
export type { Transport } from './transport.ts'
export { type Attempt, type Client, type ClientOperation } from './client.ts'
export { type ContextFetch } from './fetch.ts'
