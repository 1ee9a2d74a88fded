/** One call, whatever it came by: what steers it, its trace, and what is answered. */
import { type Cancellation, correlationIdOf, Refusal, steeringOf, traceRequest } from 'dure/door/internal'
import { traceIdOf } from 'dure/telemetry/internal'
import type { Incoming } from './incoming.ts'
import { valueText, type ClientMessage, type Headers } from './messages.ts'
import { bodyOf, type Served, type SocketState } from './served.ts'

export type HeaderOf = (name: string) => string | undefined
export type CallMessage = Extract<ClientMessage, { type: 'call' }>

export const ownHeader =
  (headers: Headers | undefined): HeaderOf =>
  (name) =>
    headers !== undefined && Object.hasOwn(headers, name) ? headers[name] : undefined

/**
 * @param options.header of the connection, for what a call does not say itself: its credentials
 * @param options.gone ended when nobody is there for the answer; ends the call
 * @param options.send sends a message, until the call is over
 * @param options.stream sends what a stream or a channel answers
 * @param options.over told once, when it is over
 * @returns what makes it over when nobody is there for the answer: say so before `gone` is ended
 * @throws {Refusal} for what steers it and cannot be
 */
export function beginCall(options: {
  readonly state: SocketState
  readonly served: Served
  readonly message: CallMessage
  readonly header: HeaderOf
  readonly gone: Cancellation
  readonly incoming?: Incoming | undefined
  readonly send: (text: string) => void
  readonly stream?: (
    values: AsyncIterable<unknown>,
    how: { readonly fail: (error: unknown) => void; readonly done: () => void },
  ) => void
  readonly over: () => void
}): () => void {
  const { state, served, message, gone, incoming, send } = options
  const { id } = message
  const own = ownHeader(message.headers)
  const correlationId = correlationIdOf(own('x-correlation-id')) ?? state.world.runtime.ids.next()
  const steering = steeringOf(own, state.limits.deadline)
  const trace = traceRequest(state, {
    ...{ name: served.words, traceparent: steering.traceparent, tracestate: own('tracestate') },
    attributes: served.attributes,
  })
  let over = false
  const done = (failed?: unknown): void => {
    if (over) return
    over = true
    options.over()
    trace.end(failed)
  }
  const fail = (error: unknown): void => {
    if (over) return
    incoming?.end()
    const failure = served.door.tell(error, { correlationId, traceId: traceIdOf(trace.traceparent) })
    send(JSON.stringify({ type: 'error', id, error: bodyOf(failure, correlationId) }))
    // A refusal of what a client sent is an answer, and no failure.
    done(error instanceof Refusal ? undefined : error)
  }
  const succeed = (value: unknown): void => {
    if (over) return
    send(valueText('answer', id, served.toJson(value)))
    done()
  }
  served.door.take(
    {
      ...{ correlationId, steering, trace, gone },
      header: (name) => own(name) ?? options.header(name),
      read: () => served.read(message.input),
      ...(incoming === undefined ? {} : { incoming }),
    },
    { succeed, fail, send: (values) => options.stream?.(values, { fail, done }) },
  )
  return done
}
