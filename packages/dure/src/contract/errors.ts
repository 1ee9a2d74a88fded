import type { AnySchema, InputOf, OutputOf } from './schema.ts'
import { final, retryable, type Outcome } from './outcome.ts'
import { isInstance } from './thrown.ts'

/**
 * gRPC's canonical status codes: the only codes a call can fail with, wherever the callee runs.
 * Source: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
 */
export type Status =
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'UNAUTHENTICATED'

/**
 * Each status: its HTTP status (google.rpc.Code) and whether trying again may help.
 *
 * @example
 * ```ts
 * import { STATUSES } from 'dure/contract'
 *
 * const { http, retryable } = STATUSES.UNAVAILABLE
 * console.log(http, retryable) // → 503 true
 * ```
 */
export const STATUSES: Readonly<Record<Status, Outcome>> = {
  CANCELLED: final(499, 'The caller went away', 'Nothing: nobody waits for the answer'),
  UNKNOWN: final(
    500,
    'The callee failed with something that is not an error',
    'Look whether it was done before doing it again; in a handler, throw Errors only',
  ),
  INVALID_ARGUMENT: final(400, 'The input does not match the contract', 'Correct the input where `issues` points to'),
  DEADLINE_EXCEEDED: final(
    504,
    'No answer before the deadline',
    'Look whether it was done, or send it again with an idempotency key; give it more time if it needs more',
  ),
  NOT_FOUND: final(404, 'What was asked for does not exist', 'Check the id; it may not be there yet, or no more'),
  ALREADY_EXISTS: final(409, 'What was to be made exists', 'Use what exists, or another id'),
  PERMISSION_DENIED: final(
    403,
    'The caller may not do this',
    'Ask for the scope that the message names where scopes are given out',
  ),
  RESOURCE_EXHAUSTED: retryable(429, 'A limit was reached', 'Try again later, with less at once'),
  FAILED_PRECONDITION: final(
    409,
    'The state does not allow this',
    'Bring about the state that the message asks for; trying again alone does not help',
  ),
  ABORTED: retryable(409, 'A concurrent change got in the way', 'Read anew and try again'),
  OUT_OF_RANGE: final(400, 'A position beyond the end', 'Ask for a position that exists'),
  UNIMPLEMENTED: final(
    501,
    'The service has no such operation',
    'Check the name and the version of the contract that the service runs',
  ),
  INTERNAL: final(500, 'The callee broke its own contract or failed', "Look into the service's log under the correlation id"),
  UNAVAILABLE: retryable(503, 'The callee cannot be reached or is stopping', 'Try again later; see whether the service is ready'),
  DATA_LOSS: final(500, 'Data are lost or damaged', "Restore the data; the service's log says which"),
  UNAUTHENTICATED: final(401, 'The caller did not say who it is', 'Send credentials, or new ones'),
}

/**
 * A call that failed for a reason the contract does not name: `code` is a canonical status.
 *
 * @example
 * ```ts
 * import { CallError } from 'dure/contract'
 *
 * try {
 *   throw new CallError('NOT_FOUND', 'Cannot find order "7"', { details: { orderId: 7 } })
 * } catch (error) {
 *   if (error instanceof CallError) console.log(error.code, error.details) // → NOT_FOUND { orderId: 7 }
 * }
 * ```
 */
export class CallError extends Error {
  override readonly name = 'CallError'
  readonly code: Status
  /** Facts for the caller, of the wire type system: `issues` of a refused input, the operation's name, … */
  readonly details: Readonly<Record<string, unknown>>
  /** The message is for those who run the service (a file, an address, a server): callers beyond it hear `outward` instead. */
  declare readonly inside?: boolean

  /** Anything may be asked whether it is one, also a Proxy that throws when it is asked. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isInstance(value, this)
  }

  constructor(
    code: Status,
    message: string,
    options: { details?: Readonly<Record<string, unknown>>; cause?: unknown; inside?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
    // Not a field that a caller sees: one is told of it in the same process only.
    if (options.inside === true) Object.defineProperty(this, 'inside', { value: true })
  }
}

/**
 * What callers beyond a service are told of a failure: its own code and words, unless the words are for those who run the
 * service. Then the code says what a caller can do; one that blames somebody inside (a password that a database refuses) is
 * INTERNAL to a caller, who is not to blame.
 */
export function outward(error: CallError): { readonly code: Status; readonly message: string } {
  if (error.inside !== true) return error
  const message = OUTWARD[error.code]
  return message === undefined
    ? { code: 'INTERNAL', message: 'It failed inside the service; its log says why' }
    : { code: error.code, message }
}

/**
 * A failure of what a service works with (its database, its outbox), which is for those who run it, whoever made it and
 * whatever they forgot to say: callers beyond the service hear `outward`.
 */
export function throwInside(error: unknown): never {
  if (error instanceof CallError && error.inside !== true) Object.defineProperty(error, 'inside', { value: true })
  throw error
}

const OUTWARD: Readonly<Partial<Record<Status, string>>> = {
  UNAVAILABLE: 'Something that is needed for this cannot be reached now; try again later',
  RESOURCE_EXHAUSTED: 'There is no room for this now; try again later',
  DEADLINE_EXCEEDED: 'This took too long and was ended; try again later',
  CANCELLED: 'This was ended by its caller',
  ABORTED: 'A concurrent change got in the way; try again',
  UNKNOWN: 'Whether this was done is not known; look before doing it again',
  DATA_LOSS: 'Data that are needed for this cannot be read',
}

/**
 * An error that a contract declares: `code` is its own, `data` its typed fields.
 *
 * @example
 * ```ts
 * import { DeclaredError, error } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const OutOfStock = error('OUT_OF_STOCK', { data: z.object({ left: z.int() }) })
 * const thrown: unknown = OutOfStock({ left: 2 })
 * if (thrown instanceof DeclaredError) console.log(thrown.code, thrown.data) // → OUT_OF_STOCK { left: 2 }
 * ```
 */
export class DeclaredError<Code extends string = string, Data = unknown> extends Error {
  override readonly name = 'DeclaredError'
  readonly code: Code
  readonly data: Data
  /** The canonical status that stands for it where only statuses are known. */
  readonly status: Status

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isInstance(value, this)
  }

  constructor(options: { code: Code; data: Data; status: Status; message: string }) {
    super(options.message)
    this.code = options.code
    this.data = options.data
    this.status = options.status
  }
}

/** The maker of a declared error: `throw OutOfStock({ productId })`. */
export type ErrorType<Code extends string, Data extends AnySchema | undefined> = {
  (...args: Data extends AnySchema ? [data: InputOf<Data>] : []): DeclaredError<Code, OutputOf<Data>>
  readonly code: Code
  readonly data: Data
  readonly status: Status
  readonly http: number
  readonly description: string | undefined
  /** Whether a caught value is this error. */
  readonly is: (value: unknown) => value is DeclaredError<Code, OutputOf<Data>>
}

export type ErrorOptions<Data extends AnySchema | undefined> = {
  /** Schema of the fields that travel with the error. */
  readonly data?: Data
  /** A sentence, or a function of the data that makes one. Default: the code in words. */
  readonly message?: string | ((data: OutputOf<Data>) => string)
  /** Default FAILED_PRECONDITION. */
  readonly status?: Status
  /** HTTP status. Default: the status's own (409 for FAILED_PRECONDITION). */
  readonly http?: number
  readonly description?: string
}

/**
 * Declares an error: `error('OUT_OF_STOCK', { data: z.object({ productId: z.int() }) })`. Codes are UPPER_SNAKE_CASE.
 *
 * @example
 * ```ts
 * import { error } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const OutOfStock = error('OUT_OF_STOCK', { data: z.object({ left: z.int() }), message: ({ left }) => `Only ${left} left` })
 * const thrown = OutOfStock({ left: 2 })
 * console.log(thrown.message, OutOfStock.is(thrown), OutOfStock.http) // → Only 2 left true 409
 * ```
 */
export function error<const Code extends string, Data extends AnySchema | undefined = undefined>(
  code: Code,
  options: ErrorOptions<Data> = {},
): ErrorType<Code, Data> {
  const { status = 'FAILED_PRECONDITION', data: schema } = options
  const http = options.http ?? STATUSES[status].http
  const words = code.charAt(0) + code.slice(1).toLowerCase().replaceAll('_', ' ')
  const make = (data?: unknown): DeclaredError<Code, OutputOf<Data>> => {
    const value = data as OutputOf<Data>
    const message = typeof options.message === 'function' ? options.message(value) : (options.message ?? words)
    return new DeclaredError({ code, data: value, status, message })
  }
  const is = (value: unknown): value is DeclaredError<Code, OutputOf<Data>> =>
    value instanceof DeclaredError && value.code === code
  return Object.freeze(
    Object.assign(make, { code, data: schema as Data, status, http, description: options.description, is }),
  ) as unknown as ErrorType<Code, Data>
}
