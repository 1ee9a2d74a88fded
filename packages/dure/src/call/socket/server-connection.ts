import type { Runtime } from '../../runtime/runtime.ts'
import { CallError } from '../../contract/contract.ts'
import { Receiver } from '../credit.ts'
import type { ByteStream } from './byte-stream.ts'
import { decode, readValue } from './codec.ts'
import { Connection } from './connection.ts'
import { failureFromWire, stoodStill, tooMany, unreadable } from './failures.ts'
import { BodyReader } from './frames.ts'
import type { Origin, LimitedConnection, ConnectionLimiter } from './connection-limiter.ts'
import { ProvenCaller, type Naming, type PeerIdentity } from './identity.ts'
import { readHello, writeHello, writeRefusal } from './hello.ts'
import type { SocketLimits } from './limits.ts'
import { Names, type ServedRoute } from './names.ts'
import { ReceivedPrincipals } from './principals.ts'
import * as wire from './protocol.ts'
import { ProtocolError } from './protocol.ts'
import { ServedCall } from './served-call.ts'
import { ServedStream } from './served-stream.ts'
import { watchConnection } from './watch.ts'
import { answers, writeCredit, writeWord } from './writing.ts'

/** What all connections of one listener share. */
export type Listener = {
  readonly runtime: Runtime
  readonly limits: SocketLimits
  /** Callers are believed on whose behalf they call. */
  readonly trusted: boolean
  readonly naming: Naming | undefined
  readonly limiter: ConnectionLimiter
  /** The way to an operation by its name on the wire (`service\noperation`). */
  readonly route: (name: string) => ServedRoute
  /** Milliseconds that a call read now may have waited unread. */
  readonly age: (now: number) => number
  /** This side leaves, and has ended its streams: one that was on its way ends as well. */
  readonly endsStreams: () => boolean
  readonly onIdle: () => void
  readonly onClose: (caller: ServerConnection, reason: string) => void
}

/** Milliseconds that a caller has to hear that this side is leaving, and to take the last words. */
export const FAREWELL = 1_000

/** What a call under way takes up beside its bytes, about. */
const CALL_SIZE = 1_024

/** The callee's end of one connection: who calls, what they call things, and the calls under way. */
export class ServerConnection implements LimitedConnection {
  readonly connection: Connection
  readonly since: number
  readonly origin: Origin
  here = false
  held = 0
  usedAt = 0
  greeted = false
  /** Asked to go because others needed its place, and since when. */
  evictedAt: number | undefined = undefined
  /** The caller knows that this side is stopping, and sends no more calls. */
  left = false
  readonly #listener: Listener
  readonly #names: Names
  readonly #principals: ReceivedPrincipals
  readonly #calls = new Map<number, ServedCall | ServedStream>()
  readonly #answers: ReturnType<typeof answers>
  readonly #newId: () => string
  readonly #identity: PeerIdentity | undefined
  readonly #proven: ProvenCaller | undefined
  /** When its certificate ends, by the clock that does not jump. */
  readonly #endsAt: number
  readonly #trouble: (now: number, late: boolean) => string | undefined

  /** @param identity what its certificate says */
  constructor(stream: ByteStream, listener: Listener, identity?: PeerIdentity) {
    this.#listener = listener
    this.#identity = identity
    this.#proven = identity && new ProvenCaller(identity)
    this.#names = new Names({ find: listener.route, most: listener.limits.names })
    this.#principals = new ReceivedPrincipals(listener.trusted)
    this.#newId = listener.runtime.ids.next
    this.origin = listener.limiter.originOf(stream.remoteAddress)
    const { clock } = listener.runtime
    this.since = clock.monotonic()
    this.#endsAt = identity === undefined ? Number.POSITIVE_INFINITY : this.since + identity.until - clock.now()
    this.connection = new Connection({
      stream,
      timers: listener.runtime.timers,
      limits: listener.limits,
      pauses: true,
      onFrame: (type, id, bytes, start, end) => this.#receive(type, id, bytes, start, end),
      onClose: (reason) => {
        this.cancelAll('caller')
        listener.onClose(this, reason)
      },
      onHold: (change) => listener.limiter.hold(this, change),
    })
    this.#trouble = watchConnection(this.connection, listener.limits, this.since)
    this.#answers = answers(this.connection, listener.limits.outgoing)
  }

  /** Calls under way. */
  get size(): number {
    return this.#calls.size
  }

  cancelAll(reason: 'caller' | 'stopping'): void {
    for (const call of this.#calls.values()) call.cancel(reason)
    if (reason === 'caller') this.#calls.clear()
  }

  /** Streams may be without end: who leaves does not wait for them as for calls. */
  endStreams(): void {
    for (const call of this.#calls.values()) if (call instanceof ServedStream) call.leave()
  }

  /** What is wrong with it that nobody would otherwise notice. */
  trouble(now: number, late: boolean): string | undefined {
    const { evictedAt, size } = this
    if (now > this.#endsAt) {
      // Who is well has shown a new one long before, on another connection.
      if (evictedAt === undefined) this.evict()
      else if (now - evictedAt > FAREWELL) return 'its certificate has ended'
    }
    if (evictedAt !== undefined && size === 0 && now - evictedAt > FAREWELL && !late) return 'its place was needed'
    if (!this.greeted && now - this.since > this.#listener.limits.handshake && !late) return 'it did not say who it is in time'
    return this.#trouble(now, late)
  }

  close(reason: string): void {
    this.connection.close(reason)
  }

  evict(): void {
    this.evictedAt = this.#listener.runtime.clock.monotonic()
    this.leave(1)
  }

  /** Asks the caller to send no more calls; `why` is 1 when it may come back. */
  leave(why: 0 | 1 = 0): void {
    if (!this.greeted) {
      this.connection.close('this side is stopping')
      return
    }
    writeWord(this.connection, why, wire.LEAVING)
    this.connection.flush()
  }

  #receive(type: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (!this.greeted) return this.#greet(type, bytes, start, end)
    switch (type) {
      case wire.CALL:
      case wire.STREAM:
      case wire.CHANNEL:
        return this.#call(type, id, bytes, start, end)
      case wire.CANCEL:
        return this.#cancel(id, new BodyReader(bytes, start, end).byte())
      case wire.CREDIT: {
        const body = new BodyReader(bytes, start, end)
        return this.#streamOf(id)?.sender.grant(body.int(), body.int())
      }
      case wire.ITEM:
        return this.#item(id, bytes, start, end)
      case wire.END:
        return this.#streamOf(id)?.receiver?.end()
      case wire.FAILURE:
        return this.#streamOf(id)?.receiver?.end(failureFromWire(readValue(bytes, start, end)))
      case wire.NAME:
        return this.#listener.limiter.hold(this, this.#names.add(id, bytes, start, end))
      case wire.PRINCIPAL:
        return this.#listener.limiter.hold(this, this.#principals.add(id, bytes, start, end))
      case wire.PING:
        writeWord(this.connection, id, wire.PONG)
        return this.connection.flush()
      case wire.LEAVING:
        this.left = true
        return this.#idle()
      case wire.PONG:
        return
      default:
        throw new ProtocolError(`Frames of type ${type} are not known`)
    }
  }

  #greet(type: number, bytes: Buffer, start: number, end: number): void {
    const { connection } = this
    try {
      connection.frameLimit = readHello(type, bytes, start, end)
    } catch (error) {
      const reason = (error as Error).message
      writeRefusal(connection.writer, reason)
      return connection.close(reason, { lastWords: true })
    }
    const refusal = this.#unnamed() ?? this.#listener.limiter.accept(this)
    if (refusal !== undefined) {
      writeRefusal(connection.writer, refusal)
      return connection.close(refusal, { lastWords: true })
    }
    this.greeted = true
    connection.reader.limit = this.#listener.limits.frame
    writeHello(connection.writer, this.#listener.limits.frame)
    connection.flush()
  }

  /** Why its certificate is not enough. */
  #unnamed(): string | undefined {
    const { naming } = this.#listener
    if (naming?.required !== true || this.#identity !== undefined) return undefined
    return `the certificate that was shown names no service of "${naming.domain}"`
  }

  #call(type: number, id: number, bytes: Buffer, start: number, end: number): void {
    const { limits, runtime } = this.#listener
    const body = new BodyReader(bytes, start, end)
    const served = this.#names.route(body.short())
    if (served === undefined || this.#calls.has(id)) throw new ProtocolError('A call is to no name, or has the number of another')
    const { place, route } = served
    const number = body.short()
    const left = body.int()
    const credit = type === wire.CALL ? undefined : { values: body.int(), bytes: body.int() }
    // Nobody would ever ask, and so nothing end it.
    if (credit !== undefined && (credit.values === 0 || credit.bytes === 0)) throw new ProtocolError('A stream asks for nothing')
    const flags = body.byte()
    const now = runtime.clock.monotonic()
    this.usedAt = now
    const age = this.#listener.age(now)
    if (age >= left) return this.#fail(id, stoodStill(place, age))
    const claimed = number === 0 ? undefined : this.#names.text(number)
    const caller = this.#proven === undefined ? claimed : this.#proven.of(claimed, served)
    if (caller instanceof CallError) return this.#fail(id, caller)
    const call = new ServedCall({
      now,
      left: left - age,
      caller,
      flags,
      body,
      newId: this.#newId,
      principals: this.#principals,
      size: end - start + CALL_SIZE,
    })
    if (this.#calls.size >= limits.pending) return this.#fail(id, tooMany(place, limits.pending))
    let input: unknown
    try {
      input = decode(bytes, body.at, end, (flags & wire.TAGGED) !== 0)
    } catch (error) {
      return this.#fail(id, unreadable(place, error))
    }
    this.#listener.limiter.hold(this, call.size)
    // It may have been the one that held most.
    if (this.connection.closed) return
    if (credit === undefined) {
      this.#calls.set(id, call)
      route.call(input, call).then(
        (value) => void this.#answer(wire.ANSWER, id, place, value),
        (error: unknown) => this.#fail(id, error),
      )
      return
    }
    const receiver = type === wire.CHANNEL ? this.#receiverOf(id) : undefined
    const stream = new ServedStream({
      values: route.stream(input, call, receiver),
      receiver,
      call,
      place,
      soon: runtime.timers.soon,
      sink: {
        value: (value) => this.#answer(wire.ITEM, id, place, value),
        end: () => this.#end(id),
        fail: (error) => this.#fail(id, error),
      },
    })
    this.#calls.set(id, stream)
    if (this.#listener.endsStreams()) stream.leave()
    else stream.sender.grant(credit.values, credit.bytes)
  }

  /** What the caller of a channel sends, as its callee takes it. */
  #receiverOf(id: number): Receiver {
    const { limiter, limits } = this.#listener
    const tell = (write: () => void): void => {
      if (this.connection.closed || !this.#calls.has(id)) return
      write()
      this.connection.flush()
    }
    return new Receiver({
      window: { values: limits.window, bytes: limits.windowBytes },
      grant: (values, bytes) => tell(() => writeCredit(this.connection, id, values, bytes)),
      onOver: (byConsumer) => {
        if (byConsumer) tell(() => writeWord(this.connection, id, wire.STOP))
      },
      onHold: (bytes) => limiter.hold(this, bytes),
    })
  }

  /** Undefined: it is over, and what still comes for it is nobody's. */
  #streamOf(id: number): ServedStream | undefined {
    const stream = this.#calls.get(id)
    return stream instanceof ServedStream ? stream : undefined
  }

  #item(id: number, bytes: Buffer, start: number, end: number): void {
    const stream = this.#streamOf(id)
    if (stream === undefined) return
    let value: unknown
    try {
      value = readValue(bytes, start, end)
    } catch (error) {
      return this.#fail(id, unreadable(stream.place, error, 'incoming value'))
    }
    if (stream.receiver?.push(value, end - start + wire.HEADER) !== true)
      throw new ProtocolError(`A value came for a call to ${stream.place} that had not asked for it`)
  }

  #cancel(id: number, why: number): void {
    const call = this.#calls.get(id)
    if (call === undefined) return
    if (why !== wire.DONE || !(call instanceof ServedStream)) call.cancel(wire.REASONS[why] ?? 'caller')
    if (call instanceof ServedStream) this.#over(id)
  }

  /** @returns bytes written */
  #answer(type: typeof wire.ANSWER | typeof wire.ITEM, id: number, place: string, value: unknown): number {
    if (this.connection.closed) return 0
    const written = this.#answers.value(type, id, place, value)
    if (written instanceof CallError) {
      this.#fail(id, written)
      return 0
    }
    if (type === wire.ANSWER) this.#over(id)
    this.connection.flush()
    return written
  }

  #end(id: number): void {
    this.#over(id)
    if (this.connection.closed) return
    writeWord(this.connection, id)
    this.connection.flush()
  }

  #fail(id: number, error: unknown): void {
    this.#over(id)
    if (this.connection.closed) return
    this.#answers.failure(id, error)
    this.connection.flush()
  }

  #over(id: number): void {
    const call = this.#calls.get(id)
    if (call === undefined) return
    this.#calls.delete(id)
    if (call instanceof ServedStream) call.done()
    this.#listener.limiter.hold(this, -call.size)
    if (this.#calls.size === 0) this.#idle()
  }

  #idle(): void {
    this.#listener.onIdle()
    // The last answer goes first.
    if (this.evictedAt !== undefined && this.left && this.#calls.size === 0)
      this.#listener.runtime.timers.soon(() => this.connection.close('its place was needed', { lastWords: true }))
  }
}
