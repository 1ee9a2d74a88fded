import type { DeclaredError, ErrorType } from './errors.ts'
import { event, type EventOptions, type EventType } from './event.ts'
import type { ErrorTypes } from './operation.ts'
import type { AnySchema, InputOf, OutputOf } from './schema.ts'

/** Work on a queue that is answered by a message. Made by `request`. */
export type RequestType<
  Name extends string = string,
  I extends AnySchema = AnySchema,
  O extends AnySchema | undefined = AnySchema | undefined,
  E extends ErrorTypes = ErrorTypes,
> = EventType<Name, I> & { readonly output: O; readonly errors: E }

// oxlint-disable-next-line typescript/no-explicit-any
export type AnyRequest = RequestType<string, any, any, any>

export type RequestOptions<I extends AnySchema, O extends AnySchema | undefined, E extends ErrorTypes> = Pick<
  EventOptions<I>,
  'version' | 'upcast' | 'description'
> &
  Partial<Pick<EventOptions<I>, 'key'>> & {
    readonly input: I
    /** What is answered; nothing unless said. Its version is that of the request. */
    readonly output?: O
    /** What may be answered instead. */
    readonly errors?: E
  }

/**
 * Declares a request: work that one of the competing consumers of its queue takes, and answers by a message in the transaction of
 * its effect. Who asks goes on meanwhile. Requests of one key are answered in order,
 * as long as nobody ends who has one of them in hand.
 *
 * @example
 * ```ts
 * import { error, request } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const OutOfStock = error('OUT_OF_STOCK', { data: z.object({ left: z.int() }) })
 * const ReserveStock = request('reserve-stock', {
 *   key: ({ orderId }) => orderId,
 *   input: z.object({ orderId: z.string(), quantity: z.int() }),
 *   output: z.object({ reservation: z.string() }),
 *   errors: { OutOfStock },
 * })
 * console.log(ReserveStock.name, Object.keys(ReserveStock.errors)) // → reserve-stock [ 'OutOfStock' ]
 * ```
 */
export function request<
  const Name extends string,
  I extends AnySchema,
  O extends AnySchema | undefined = undefined,
  E extends ErrorTypes = {},
>(name: Name, options: RequestOptions<I, O, E>): RequestType<Name, I, O, E> {
  const { input, output, errors, key = () => '', version, upcast, description } = options
  const work = event(name, { schema: input, key, version, upcast, description } as EventOptions<I>)
  return Object.freeze({ ...work, output: output as O, errors: Object.freeze({ ...errors }) as E })
}

/** What a handler answers: the output before parsing, or a declared error. */
export type RequestAnswer<R extends AnyRequest> = InputOf<R['output']> | RequestErrors<R>
/** What whoever asked receives. */
export type RequestOutput<R extends AnyRequest> = OutputOf<R['output']>
/** The declared errors of a request, as a union that `switch (error.code)` narrows. */
export type RequestErrors<R extends AnyRequest> =
  R extends RequestType<string, infer _I, infer _O, infer E>
    ? { [K in keyof E]: E[K] extends ErrorType<infer Code, infer D> ? DeclaredError<Code, OutputOf<D>> : never }[keyof E]
    : never
