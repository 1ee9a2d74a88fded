/** One call of an operation: its request as it comes, and its answer. */
import type { Http2Headers, Http2Receiver, Http2Stream } from '@dure/http2'
import { CallError } from 'dure/contract'
import {
  admit,
  Cancellation,
  correlationIdOf,
  sendStream,
  steeringOf,
  traceRequest,
  type DoorAnswer,
  type DoorRequest,
  type OperationDoor,
} from 'dure/door/internal'
import { traceIdOf } from 'dure/telemetry/internal'
import { checkEncoding, exchangeOf, timeoutOf, type Exchange } from './exchange.ts'
import { messageParser, PREFIX } from './framing.ts'
import { incomingOf, type Incoming } from './incoming.ts'
import type { Codec } from './protobuf/codec.ts'
import type { GrpcState } from './state.ts'
import { numberOf, trailersOf, type ErrorData } from './status.ts'

/** What calls of one method share. */
export type CompiledMethod = {
  readonly state: GrpcState
  readonly door: OperationDoor
  /** Whose codes its errors are: the package. */
  readonly domain: string
  readonly data: ErrorData
  /** Without the slash before it. */
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly response: Codec
  /** @throws {CallError} INVALID_ARGUMENT */
  readonly decode: (bytes: Buffer) => unknown
  /** What its caller sends: one message, messages of which the first has `input` and the others `value`, or messages alone. */
  readonly sends: 'one' | 'input and values' | 'values'
}

/** Takes a call, whatever it is for. */
export type Take = (stream: Http2Stream) => Http2Receiver

type Call = {
  readonly method: CompiledMethod
  readonly exchange: Exchange
  readonly correlationId: string
  readonly gone: Cancellation
  readonly trace: ReturnType<typeof traceRequest>
  /** Of a channel. */
  readonly incoming: Incoming | undefined
  /** Counted among those in hand. */
  admitted: boolean
  /** Handed to the service. */
  taken: boolean
  /** Answered, or nobody waits any more. */
  over: boolean
  /** Ends it, as its server does. */
  stopping: () => void
}

export function takeCall(method: CompiledMethod): Take {
  const { state, name, attributes, sends } = method
  return (stream) => {
    const given = correlationIdOf(stream.headers.get('x-correlation-id'))
    const correlationId = given ?? state.world.runtime.ids.next()
    // Whoever has given one knows it.
    const metadata: Http2Headers = given === undefined ? [['x-correlation-id', correlationId]] : []
    const exchange = exchangeOf(stream, metadata)
    const { header } = exchange
    const traceparent = header('traceparent')
    const call: Call = {
      ...{
        method,
        exchange,
        correlationId,
        gone: new Cancellation(),
        admitted: false,
        taken: false,
        over: false,
        stopping: () => {},
      },
      trace: traceRequest(state, { name, traceparent, tracestate: header('tracestate'), attributes }),
      incoming: sends === 'one' ? undefined : incomingOf(stream),
    }
    call.stopping = () => fail(call, new CallError('UNAVAILABLE', 'The server is stopping; ask again'))
    try {
      return begin(call)
    } catch (error) {
      fail(call, error)
      return IGNORES
    }
  }
}

/** @throws what the call is to fail with */
function begin(call: Call): Http2Receiver {
  const { method, exchange, gone, incoming } = call
  const { limits } = method.state
  const { header, encoding } = exchange
  checkEncoding(encoding)
  const said = steeringOf(header, limits.deadline)
  const timeout = timeoutOf(header('grpc-timeout'), limits.deadline)
  const steering = timeout === undefined ? said : { ...said, timeout }
  const refusal = admit(method.state)
  if (refusal !== undefined) throw refusal
  call.admitted = true
  method.state.underWay.add(call.stopping)

  const answer = answerOf(call)
  const take = (read: DoorRequest['read']): void => {
    call.taken = true
    const { correlationId, trace } = call
    const more = incoming === undefined ? {} : { incoming: incoming.values }
    method.door.take({ correlationId, steering, trace, header, read, gone, ...more }, answer)
  }
  if (method.sends === 'values') take(() => ({ ok: true, input: undefined }))
  const parser = messageParser({ limit: limits.message, encoding, message: (bytes) => takeMessage(call, bytes, take) })
  const guarded = (work: () => void): void => {
    if (call.over) return
    try {
      work()
    } catch (error) {
      fail(call, error)
    }
  }
  return {
    data: (bytes) => guarded(() => parser.push(bytes)),
    end: () =>
      guarded(() => {
        if (!parser.whole()) throw wrong('Cannot read the request: it ends in the middle of a message')
        if (!call.taken) throw wrong('Cannot read the request: it has no message')
        incoming?.end()
      }),
    aborted: () => {
      gone.cancel('caller')
      incoming?.fail(new CallError('CANCELLED', 'The caller has gone'))
      finish(call, undefined, numberOf('CANCELLED'))
    },
  }
}

const IGNORES: Http2Receiver = { data: () => {}, end: () => {}, aborted: () => {} }

const wrong = (message: string): CallError => new CallError('INVALID_ARGUMENT', message)

function takeMessage({ method, incoming, taken }: Call, bytes: Buffer, take: (read: DoorRequest['read']) => void): void {
  const { decode, sends } = method
  if (incoming === undefined) {
    if (taken) throw wrong('Cannot take more than one message: the call is no stream of them')
    // What it is made of is read once it is known who calls.
    return take(() => ({ ok: true, input: decode(bytes) }))
  }
  if (sends === 'values') return incoming.push(decode(bytes))
  const part = decode(bytes) as { readonly input?: unknown; readonly value?: unknown }
  const key = taken ? 'value' : 'input'
  if (part[key] === undefined)
    throw wrong(`Cannot take the message: it has no "${key}", which the ${taken ? 'later ones have' : 'first one has'}`)
  if (taken) incoming.push(part.value)
  else take(() => ({ ok: true, input: part.input }))
}

function answerOf(call: Call): DoorAnswer {
  const { exchange, gone, method } = call
  const { encode } = method.response
  const end = (): void => {
    exchange.end()
    finish(call, undefined, 0)
    call.incoming?.end()
  }
  return {
    succeed: (value) => {
      try {
        exchange.send(encode(value, PREFIX))
        end()
      } catch (error) {
        fail(call, error)
      }
    },
    send: (values) => {
      const { stream } = exchange
      const send = (value: unknown): Promise<void> | undefined =>
        exchange.send(encode(value, PREFIX)) ? undefined : drained(stream, gone)
      const sender = { send, end, fail: (error: unknown) => fail(call, error) }
      void sendStream(values, { state: method.state, gone, sender })
    },
    fail: (error) => fail(call, error),
  }
}

function finish(call: Call, failed: unknown, status: number): void {
  if (call.over) return
  call.over = true
  if (call.admitted) call.method.state.calls--
  call.method.state.underWay.delete(call.stopping)
  call.trace.end(failed, { 'rpc.grpc.status_code': status })
}

function fail(call: Call, error: unknown): void {
  if (call.over) return
  const { method, correlationId, trace, gone, incoming } = call
  const failure = method.door.tell(error, { correlationId, traceId: traceIdOf(trace.traceparent) })
  call.exchange.end(trailersOf(failure, { error, domain: method.domain, data: method.data }))
  finish(call, SERVER_FAILED.has(failure.status) ? error : undefined, numberOf(failure.status))
  gone.cancel('caller')
  incoming?.fail(new CallError('CANCELLED', 'The call has ended'))
}

/** What is a failure of whoever serves; the rest is an answer to what a client sent. */
const SERVER_FAILED: ReadonlySet<string> = new Set([
  ...['UNKNOWN', 'DEADLINE_EXCEEDED', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS'],
])

function drained(stream: Http2Stream, gone: Cancellation): Promise<void> {
  return new Promise((resolve) => {
    if (gone.reason !== undefined || stream.closed) return resolve()
    const done = (): void => {
      gone.remove(ended)
      resolve()
    }
    const ended = { onCancel: done }
    gone.add(ended)
    stream.drained(done)
  })
}
