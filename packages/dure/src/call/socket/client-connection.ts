import type { CallContext } from '../context.ts'
import { cancelledError, NOT_BEGUN } from '../failure.ts'
import { CallError } from '../../contract/contract.ts'
import type { Clock, Deadlines } from '../../runtime/runtime.ts'
import type { CancelReason } from '../cancellation.ts'
import { invalidIncoming, invalidInput } from '../callee.ts'
import { HeavyError } from './bytes.ts'
import { readValue, UnsendableError } from './codec.ts'
import type { Sender, Window } from '../credit.ts'
import type { Connection } from './connection.ts'
import { failureFromWire, tooLong } from './failures.ts'
import { BodyReader } from './frames.ts'
import type { PeerIdentity } from './identity.ts'
import type { SocketLimits } from './limits.ts'
import { SentPrincipals } from './principals.ts'
import * as wire from './protocol.ts'
import { ProtocolError } from './protocol.ts'
import { LongError, writeCredit, writeFailure, writeValue, writeWord } from './writing.ts'

/** Whoever waits for frames of one call. */
export type Waiting = {
  /** `orders.place`, for messages. */
  readonly place: string
  /** What its values come in: an answer, or the next of a stream. */
  readonly kind: typeof wire.ANSWER | typeof wire.ITEM
  /** Takes a value and the bytes that it came in; false when it had not been asked for. */
  readonly value: (value: unknown, bytes: number) => boolean
  /** A stream is over. */
  readonly end: () => void
  /** Of a channel: sends the caller's values. */
  readonly sender?: Sender | undefined
  readonly fail: (error: Error) => void
}

/** The way to one operation, and what it is called on the present connection. */
export type Destination = {
  readonly service: string
  readonly operation: string
  /** `orders.place`, for messages. */
  readonly place: string
  namedOn: ClientConnection | undefined
  name: number
}

type Limits = Pick<SocketLimits, 'pending' | 'outgoing' | 'names'>

/** The caller's end of one connection: the calls that wait on it, and what it has named. */
export class ClientConnection {
  readonly connection: Connection
  readonly pending: Map<number, Waiting> = new Map()
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly #limits: Limits
  readonly #callers = new Map<string, number>()
  readonly #principals = new SentPrincipals()
  /** Services that were asked for here. */
  readonly #services = new Set<string>()
  #identity: PeerIdentity | undefined = undefined
  #names = 0
  #lastId = 0

  constructor(options: { connection: Connection; clock: Clock; deadlines: Deadlines; limits: Limits }) {
    this.connection = options.connection
    this.clock = options.clock
    this.deadlines = options.deadlines
    this.#limits = options.limits
  }

  /** Who the other side is. @returns services that calls were for, and that it is not */
  identify(identity: PeerIdentity | undefined): readonly string[] {
    this.#identity = identity
    return [...this.#services].filter((service) => !this.serves(service))
  }

  /** Whether the certificate of the other side is of this service; where it has none that says so, or none yet, nobody asks. */
  serves(service: string): boolean {
    return this.#identity === undefined || this.#identity.names.has(service)
  }

  /**
   * Writes a call and remembers who waits for it; `credit` is what may come of a stream at first.
   * @returns its id, or why it cannot be sent
   */
  send(
    type: number,
    to: Destination,
    input: unknown,
    context: CallContext,
    waiting: Waiting,
    credit?: Window,
  ): number | CallError {
    const left = context.deadline - this.clock.monotonic()
    if (left <= 0) return cancelledError(to.place, 'deadline')
    const refusal = this.#refusal(to)
    if (refusal !== undefined) return refusal
    const { writer } = this.connection
    const operation = to.namedOn === this ? to.name : this.#nameOperation(to)
    const caller = context.caller === undefined ? 0 : this.#callerName(context.caller)
    const { principal } = context
    let place = 0
    try {
      if (principal !== undefined) place = this.#principals.place(principal, writer, this.connection.frameLimit)
    } catch (error) {
      if (error instanceof UnsendableError) return invalidInput(to.place, [error.issue])
      throw error
    }
    const id = this.#nextId()
    writer.begin(type, id)
    try {
      const size = this.#write(operation, caller, left, input, context, place, credit)
      if (size > this.connection.frameLimit) {
        writer.undo()
        return tooLong(to.place, 'input', size, this.connection.frameLimit)
      }
    } catch (error) {
      writer.undo()
      if (error instanceof UnsendableError) return invalidInput(to.place, [error.issue])
      throw error
    }
    this.pending.set(id, waiting)
    this.connection.flush()
    return id
  }

  #write(
    operation: number,
    caller: number,
    left: number,
    input: unknown,
    context: CallContext,
    principal: number,
    credit: Window | undefined,
  ): number {
    const { writer } = this.connection
    writer.short(operation)
    writer.short(caller)
    writer.int(Math.min(Math.ceil(left), 0xffffffff))
    if (credit !== undefined) {
      writer.int(credit.values)
      writer.int(credit.bytes)
    }
    const flagsAt = writer.mark()
    const { correlationId, causationId, traceparent, idempotencyKey, tracestate, metadata } = context
    let flags = wire.HAS_CORRELATION
    writer.text(correlationId)
    if (causationId !== undefined) {
      flags |= wire.HAS_CAUSATION
      writer.text(causationId)
    }
    if (traceparent !== undefined) {
      flags |= wire.HAS_TRACE
      writer.text(traceparent)
    }
    if (idempotencyKey !== undefined) {
      flags |= wire.HAS_KEY
      writer.text(idempotencyKey)
    }
    if (tracestate !== undefined) {
      flags |= wire.HAS_TRACESTATE
      writer.text(tracestate)
    }
    if (principal !== 0) {
      flags |= wire.HAS_PRINCIPAL
      writer.short(principal)
    }
    if (metadata !== undefined) {
      flags |= wire.HAS_METADATA
      writer.text(JSON.stringify(metadata))
    }
    writer.value(input, flags, flagsAt)
    return writer.end()
  }

  #refusal(to: Destination): CallError | undefined {
    const { pending, names, outgoing } = this.#limits
    if (this.pending.size >= pending)
      return notSent(to, `${this.pending.size} calls are waiting on the connection; try again later`)
    if (to.namedOn !== this && this.#names >= names) return notSent(to, `${this.#names} operations are in use on the connection`)
    return this.connection.waiting > outgoing ? notSent(to, UNTAKEN) : undefined
  }

  /** Ids come round again after four thousand million calls: one that still waits keeps its own. */
  #nextId(): number {
    do this.#lastId = this.#lastId === 0xffffffff ? 1 : this.#lastId + 1
    while (this.pending.has(this.#lastId))
    return this.#lastId
  }

  #nameOperation(to: Destination): number {
    to.namedOn = this
    this.#services.add(to.service)
    return (to.name = this.#define(`${to.service}\n${to.operation}`))
  }

  #callerName(caller: string): number {
    const known = this.#callers.get(caller)
    if (known !== undefined) return known
    // Callers are few; should they not be, some go unnamed rather than the call unsent.
    if (this.#callers.size > this.#limits.names / 4) return 0
    const name = this.#define(caller)
    this.#callers.set(caller, name)
    return name
  }

  #define(text: string): number {
    const name = ++this.#names
    const { writer } = this.connection
    writer.begin(wire.NAME, name)
    writer.text(text)
    writer.end()
    return name
  }

  /** Tells the callee that nobody waits any more. */
  cancel(id: number, why: number): void {
    if (!this.pending.delete(id) || this.connection.closed) return
    const { writer } = this.connection
    writer.begin(wire.CANCEL, id)
    writer.byte(why)
    writer.end()
    this.connection.flush()
  }

  /** Lets more of a stream come. */
  credit(id: number, values: number, bytes: number): void {
    if (!this.pending.has(id)) return
    writeCredit(this.connection, id, values, bytes)
    this.connection.flush()
  }

  /**
   * Sends a value of a channel's caller.
   * @returns bytes written, or why it cannot be sent
   */
  item(id: number, place: string, value: unknown): number | CallError {
    const { frameLimit, waiting } = this.connection
    if (waiting > this.#limits.outgoing) return new CallError('RESOURCE_EXHAUSTED', `Call to ${place} failed: ${UNTAKEN}`)
    try {
      const written = writeValue(this.connection, wire.ITEM, id, value)
      this.connection.flush()
      return written
    } catch (error) {
      if (error instanceof LongError) return tooLong(place, 'incoming value', error.size, frameLimit)
      if (error instanceof UnsendableError) return invalidIncoming(place, [error.issue])
      throw error
    }
  }

  /** There is no more of what a channel's caller sends; `error`: because it has failed. */
  end(id: number, error?: Error): void {
    if (!this.pending.has(id)) return
    if (error === undefined) writeWord(this.connection, id)
    else writeFailure(this.connection, id, error)
    this.connection.flush()
  }

  /** A frame for one of the calls; those of calls that are over are nobody's. */
  receive(type: number, id: number, bytes: Buffer, start: number, end: number): void {
    const waiting = this.pending.get(id)
    if (waiting === undefined) return
    switch (type) {
      case wire.ANSWER:
      case wire.ITEM:
        if (waiting.kind !== type) throw unasked(type, waiting)
        return this.#value(type, id, waiting, bytes, start, end)
      case wire.END:
        if (waiting.kind !== wire.ITEM) throw unasked(type, waiting)
        this.pending.delete(id)
        return waiting.end()
      case wire.CREDIT: {
        if (waiting.sender === undefined) throw unasked(type, waiting)
        const body = new BodyReader(bytes, start, end)
        return waiting.sender.grant(body.int(), body.int())
      }
      case wire.STOP:
        return waiting.sender?.stop()
      case wire.FAILURE: {
        const failure = failureFromWire(readValue(bytes, start, end))
        this.pending.delete(id)
        return waiting.fail(failure)
      }
      default:
        throw new ProtocolError(`Frames of type ${type} are not known`)
    }
  }

  #value(type: number, id: number, waiting: Waiting, bytes: Buffer, start: number, end: number): void {
    let value: unknown
    try {
      value = readValue(bytes, start, end)
    } catch (error) {
      if (!(error instanceof HeavyError)) throw error
      this.cancel(id, wire.REASONS.indexOf('caller'))
      return waiting.fail(
        new CallError('RESOURCE_EXHAUSTED', `Call to ${waiting.place} failed: its answer cannot be read (${error.message})`),
      )
    }
    if (type === wire.ANSWER) this.pending.delete(id)
    if (!waiting.value(value, end - start + wire.HEADER)) throw unasked(type, waiting)
  }

  /** Nothing that waits is forgotten. */
  failAll(failure: (place: string) => CallError): void {
    for (const [id, waiting] of this.pending) {
      this.pending.delete(id)
      waiting.fail(failure(waiting.place))
    }
  }
}

function notSent({ place }: Destination, why: string): CallError {
  return new CallError('RESOURCE_EXHAUSTED', `Call to ${place} was not sent: ${why}`, { details: NOT_BEGUN })
}

const UNTAKEN = 'the other side does not take what was sent before; try again later'

function unasked(type: number, { place }: Waiting): ProtocolError {
  return new ProtocolError(`A frame of type ${type} came for a call to ${place} that had not asked for it`)
}

export function reasonCode(reason: CancelReason): number {
  return wire.REASONS.indexOf(reason)
}
