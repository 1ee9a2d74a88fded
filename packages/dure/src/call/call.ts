/** Asking another service: typed clients over one pipeline, whatever carries the call. */
export type { CallContext, CallOptions } from './context.ts'
export type { Target, Transport } from './transport.ts'
export type { Attempt, Client, ClientOperation } from './client.ts'
