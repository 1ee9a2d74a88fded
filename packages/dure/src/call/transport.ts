import type { CallContext } from './context.ts'

/**
 * The Transport port: carries a call to where the callee runs. Values crossing it are of the wire type
 * system and isolated; failures are `CallError` or `DeclaredError`.
 */
export type Transport = {
  readonly call: (target: Target, input: unknown, context: CallContext) => Promise<unknown>
  readonly stream: (target: Target, input: unknown, context: CallContext) => AsyncIterable<unknown>
}

export type Target = { readonly service: string; readonly operation: string }
