/** One call of an operation: its request as it comes, and its answer. */
import type { Http2Receiver, Http2Stream } from '@dure/http2'
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
  type Gathered,
  type OperationDoor,
  type RequestTrace,
  type Steering,
} from 'dure/door/internal'
import { traceIdOf } from 'dure/telemetry/internal'
import { checkEncoding, Exchange, timeoutOf } from './exchange.ts'
import { MessageParser, PREFIX, type MessageTaker } from './framing.ts'
import { incomingOf, type Incoming } from './incoming.ts'
import type { Codec } from './protobuf/codec.ts'
import type { GrpcState, UnderWay } from './state.ts'
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

export function takeCall(method: CompiledMethod): Take {
  return (stream) => {
    const call = new GrpcCall(method, stream)
    call.begin()
    return call
  }
}

/**
 * A call under way, in one object, for there are tens of thousands a second: what its stream tells, the request that the operation's door takes, and
 * how that is answered.
 */
class GrpcCall implements Http2Receiver, MessageTaker, DoorRequest, DoorAnswer, UnderWay {
  readonly correlationId: string
  readonly gone = new Cancellation()
  readonly trace: RequestTrace
  readonly header: (name: string) => string | undefined
  readonly limit: number
  steering: Steering = NOT_READ
  readonly #method: CompiledMethod
  readonly #exchange: Exchange
  /** Of a channel. */
  readonly #incoming: Incoming | undefined
  readonly #parser: MessageParser
  /** The message with its input. */
  #message: Buffer | undefined
  /** The input of a channel, whose first message has been read. */
  #input: unknown
  /** Counted among those in hand. */
  #admitted = false
  /** Handed to the service. */
  #taken = false
  /** Answered, or nobody waits any more. */
  #over = false

  constructor(method: CompiledMethod, stream: Http2Stream) {
    const { state, name, attributes, sends } = method
    const { headers } = stream
    const given = correlationIdOf(headers.get('x-correlation-id'))
    this.correlationId = given ?? state.world.runtime.ids.next()
    this.header = (name) => headers.get(name)
    this.limit = state.limits.message
    this.#method = method
    // Whoever has given one knows it.
    this.#exchange = new Exchange(stream, given === undefined ? [['x-correlation-id', this.correlationId]] : undefined)
    this.#incoming = sends === 'one' ? undefined : incomingOf(stream)
    this.#parser = new MessageParser(this)
    const traceparent = headers.get('traceparent')
    this.trace = traceRequest(state, { name, traceparent, tracestate: headers.get('tracestate'), attributes })
  }

  get encoding(): string | undefined {
    return this.#exchange.encoding
  }

  get incoming(): AsyncIterable<unknown> | undefined {
    return this.#incoming?.values
  }

  begin(): void {
    try {
      const { state, sends } = this.#method
      checkEncoding(this.encoding)
      const said = steeringOf(this.header, state.limits.deadline)
      const timeout = timeoutOf(this.header('grpc-timeout'), state.limits.deadline)
      this.steering = timeout === undefined ? said : { ...said, timeout }
      const refusal = admit(state)
      if (refusal !== undefined) throw refusal
      this.#admitted = true
      state.underWay.add(this)
      if (sends === 'values') this.#take()
    } catch (error) {
      this.fail(error)
    }
  }

  #take(): void {
    this.#taken = true
    this.#method.door.take(this, this)
  }

  data(bytes: Uint8Array): void {
    if (this.#over) return
    try {
      this.#parser.push(bytes)
    } catch (error) {
      this.fail(error)
    }
  }

  end(): void {
    if (this.#over) return
    if (!this.#parser.isWhole) this.fail(wrong('Cannot read the request: it ends in the middle of a message'))
    else if (!this.#taken) this.fail(wrong('Cannot read the request: it has no message'))
    else this.#incoming?.end()
  }

  aborted(): void {
    this.gone.cancel('caller')
    this.#incoming?.fail(new CallError('CANCELLED', 'The caller has gone'))
    this.#finish(undefined, numberOf('CANCELLED'))
  }

  /** Ends it, as its server does. */
  stop(): void {
    this.fail(new CallError('UNAVAILABLE', 'The server is stopping; ask again'))
  }

  message(bytes: Buffer): void {
    const { decode, sends } = this.#method
    const incoming = this.#incoming
    const taken = this.#taken
    if (incoming === undefined) {
      if (taken) throw wrong('Cannot take more than one message: the call is no stream of them')
      this.#message = bytes
      return this.#take()
    }
    if (sends === 'values') return incoming.push(decode(bytes))
    const part = decode(bytes) as { readonly input?: unknown; readonly value?: unknown }
    const key = taken ? 'value' : 'input'
    if (part[key] === undefined)
      throw wrong(`Cannot take the message: it has no "${key}", which the ${taken ? 'later ones have' : 'first one has'}`)
    if (taken) return incoming.push(part.value)
    this.#input = part.input
    this.#take()
  }

  /** What it is made of is read once it is known who calls. */
  read(): Gathered {
    const message = this.#message
    return { ok: true, input: message === undefined ? this.#input : this.#method.decode(message) }
  }

  succeed(value: unknown): void {
    if (this.#over) return
    try {
      this.#exchange.send(this.#method.response.encode(value, PREFIX))
      this.#end()
    } catch (error) {
      this.fail(error)
    }
  }

  send(values: AsyncIterable<unknown>): void {
    const exchange = this.#exchange
    const { state, response } = this.#method
    const send = (value: unknown): Promise<void> | undefined =>
      exchange.send(response.encode(value, PREFIX)) ? undefined : drained(exchange.stream, this.gone)
    const sender = { send, end: () => this.#end(), fail: (error: unknown) => this.fail(error) }
    void sendStream(values, { state, gone: this.gone, sender })
  }

  #end(): void {
    this.#exchange.end()
    this.#finish(undefined, 0)
    this.#incoming?.end()
  }

  fail(error: unknown): void {
    if (this.#over) return
    const { door, domain, data } = this.#method
    const failure = door.tell(error, { correlationId: this.correlationId, traceId: traceIdOf(this.trace.traceparent) })
    this.#exchange.end(trailersOf(failure, { error, domain, data }))
    this.#finish(SERVER_FAILED.has(failure.status) ? error : undefined, numberOf(failure.status))
    this.gone.cancel('caller')
    this.#incoming?.fail(new CallError('CANCELLED', 'The call has ended'))
  }

  #finish(failed: unknown, status: number): void {
    if (this.#over) return
    this.#over = true
    const { state } = this.#method
    if (this.#admitted) state.calls--
    state.underWay.delete(this)
    this.trace.end(failed, status === 0 ? ENDED_WELL : { 'rpc.grpc.status_code': status })
  }
}

const NOT_READ: Steering = { traceparent: undefined, idempotencyKey: undefined, metadata: undefined, timeout: undefined }
const ENDED_WELL = { 'rpc.grpc.status_code': 0 }

const wrong = (message: string): CallError => new CallError('INVALID_ARGUMENT', message)

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
