import type {
  AnyContract,
  AnyOperation,
  Contract,
  OperationErrors,
  OperationInput,
  OperationOutput,
  Operations,
} from '../contract/contract.ts'
import type { CallOptions } from './context.ts'

/** A typed client of a contract: local or remote, it cannot tell. */
export type Client<C extends AnyContract> = C extends
  | Contract<string, infer Ops extends Operations, readonly never[]>
  | Contract<string, infer Ops extends Operations>
  ? { readonly [K in keyof Ops]: ClientOperation<Ops[K]> }
  : never

type Arguments<Op extends AnyOperation> =
  undefined extends OperationInput<Op>
    ? [input?: OperationInput<Op>, options?: CallOptions]
    : [input: OperationInput<Op>, options?: CallOptions]

/** One operation, as its callers see it. */
export type ClientOperation<Op extends AnyOperation> = Op['kind'] extends 'stream'
  ? (...args: Arguments<Op>) => AsyncIterable<OperationOutput<Op>>
  : {
      /** @throws {DeclaredError} of the contract, or {CallError} with a canonical code */
      (...args: Arguments<Op>): Promise<OperationOutput<Op>>
      /** Declared errors come back as a value; everything else still throws. */
      readonly attempt: (...args: Arguments<Op>) => Promise<Attempt<OperationOutput<Op>, OperationErrors<Op>>>
    }

export type Attempt<Value, Failure> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: Failure }
