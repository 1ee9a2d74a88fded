import { CANCEL, FLOW_CONTROL_ERROR, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR } from './codes.ts'
import { checkHeaders } from './hpack/hpack.ts'
import type { RequestHead } from './request.ts'
import type { Outgoing } from './sender.ts'
import type { Http2Headers, Http2Receiver, Http2Stream } from './types.ts'

/** What a stream asks of its connection. */
export type StreamHost = {
  /** What a client may send on a stream before it is taken. */
  readonly window: number
  /** @param own of this list alone, behind the others */
  readonly headers: (id: number, headers: Http2Headers, own: Http2Headers | undefined, end: boolean) => void
  readonly lastData: (id: number) => void
  readonly send: (stream: ServerStream) => void
  /** Bytes are taken: the client may send as many more. @param open on this stream, too */
  readonly credit: (stream: ServerStream, bytes: number, open: boolean) => void
  /** It is over. @param code what the client is told; undefined: it knows */
  readonly over: (stream: ServerStream, code: number | undefined) => void
  readonly failed: (error: unknown) => void
}

type Trailers = ReadonlyMap<string, string> | undefined
type State = 'open' | 'begun' | 'ending' | 'ended'

/** What is held back is copied into blocks, so that single bytes in frames of their own take no more room than others. */
const HELD_BLOCK = 4_096
const DEAF: Http2Receiver = { data: () => {}, end: () => {}, aborted: () => {} }

/** One of a hundred thousand a second: its methods are shared, which those of a closure would not be. */
export class ServerStream implements Http2Stream, Outgoing {
  readonly id: number
  readonly headers: ReadonlyMap<string, string>
  readonly bodiless: boolean
  readonly queue: Uint8Array[] = []
  window: number
  sent = 0
  moved = 0
  /** The client has sent all of it. */
  isWhole = false
  /** Taken, and not yet credited. */
  taken = 0
  readonly #host: StreamHost
  #receiver: Http2Receiver = DEAF
  #state: State = 'open'
  #over = false
  #paused = false
  /** What the client may still send. */
  #granted: number
  /** What it still has to, by its content-length. */
  #expected: number
  #held: Uint8Array[] = []
  /** Of the last block that is held, what is used. */
  #used = 0
  /** The end has come, and is held back. */
  #heldEnd: { readonly trailers: Trailers } | undefined
  #trailers: Http2Headers | undefined
  #drained: (() => void) | undefined

  constructor(host: StreamHost, id: number, { headers, length }: RequestHead, bodiless: boolean, window: number) {
    this.#host = host
    this.id = id
    this.headers = headers
    this.bodiless = bodiless
    this.window = window
    this.#granted = host.window
    this.#expected = length === -1 ? Number.POSITIVE_INFINITY : length
  }

  get closed(): boolean {
    return this.#over || this.#state === 'ending' || this.#state === 'ended'
  }

  get hasAnswered(): boolean {
    return this.#over || this.#state !== 'open'
  }

  open(onStream: (stream: Http2Stream) => Http2Receiver): void {
    this.#guarded(() => (this.#receiver = onStream(this)))
  }

  /** @param length of the frame, padding and all */
  receive(bytes: Buffer, from: number, to: number, length: number): void {
    const size = to - from
    this.#granted -= length
    this.#expected -= size
    if (this.#granted < 0 || this.#expected < 0) {
      this.#host.credit(this, length, false)
      return this.abort(this.#granted < 0 ? FLOW_CONTROL_ERROR : PROTOCOL_ERROR, 'tell')
    }
    if (length > size) this.#credit(length - size)
    if (size === 0) return
    if (this.#paused) return this.#hold(bytes, from, to)
    this.#give(bytes.subarray(from, to))
  }

  receiveEnd(trailers: Trailers): void {
    this.isWhole = true
    if (this.#expected > 0 && this.#expected !== Number.POSITIVE_INFINITY) return this.abort(PROTOCOL_ERROR, 'tell')
    if (this.#paused) this.#heldEnd = { trailers }
    else this.#endRequest(trailers)
  }

  /** It is over, and not by those it belongs to. @param how `tell`: the client does not know yet */
  abort(code: number, how?: 'tell'): void {
    if (this.#over) return
    const receiver = this.#receiver
    this.#leave(how === 'tell' ? code : undefined)
    this.#guarded(() => receiver.aborted(code))
  }

  /** Nothing waits any more. */
  emptied(): void {
    const drained = this.#drained
    this.#drained = undefined
    if (drained !== undefined) this.#guarded(drained)
    // It may have been ended with something behind it.
    if (this.#state === 'ending' && this.queue.length === 0) this.#finish()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    while (this.#held.length > 0 && !this.#paused) {
      const block = this.#held.shift()!
      this.#give(this.#held.length === 0 ? block.subarray(0, this.#used) : block)
    }
    const end = this.#heldEnd
    // It may have been paused again by what it was given.
    if (end === undefined || this.#paused || this.#over) return
    this.#heldEnd = undefined
    this.#endRequest(end.trailers)
  }

  respond(headers: Http2Headers, how?: { readonly own?: Http2Headers | undefined; readonly end?: boolean }): void {
    if (this.#over) return
    if (this.#state !== 'open') throw new Error(`Cannot answer the stream ${this.id}: it has been answered already`)
    const end = how?.end === true
    this.#host.headers(this.id, headers, how?.own, end)
    this.#state = 'begun'
    if (end) this.#ended()
  }

  write(bytes: Uint8Array): boolean {
    if (this.#over) return true
    this.#mustBeBegun('write to')
    if (bytes.length > 0) {
      this.queue.push(bytes)
      if (this.queue.length === 1) this.#host.send(this)
    }
    return this.queue.length === 0
  }

  drained(then: () => void): void {
    if (this.#over) return
    if (this.queue.length === 0) then()
    else this.#drained = then
  }

  end(trailers?: Http2Headers): void {
    if (this.#over) return
    this.#mustBeBegun('end')
    if (this.queue.length > 0) {
      // They are looked at when they are written, which is later.
      if (trailers !== undefined) checkHeaders(trailers)
      this.#state = 'ending'
    }
    this.#trailers = trailers
    if (this.queue.length === 0) this.#finish()
  }

  reset(code: number = CANCEL): void {
    if (!this.#over) this.#leave(code)
  }

  #mustBeBegun(what: string): void {
    if (this.#state === 'begun') return
    const found = this.#state === 'open' ? 'has not been answered yet: call "respond" first' : 'has been ended already'
    throw new Error(`Cannot ${what} the stream ${this.id}: it ${found}`)
  }

  #finish(): void {
    if (this.#trailers === undefined) this.#host.lastData(this.id)
    else this.#host.headers(this.id, this.#trailers, undefined, true)
    this.#ended()
  }

  /** All of the answer is out. Whoever still sends is told that nobody reads it (RFC 9113, section 8.1). */
  #ended(): void {
    this.#state = 'ended'
    this.#leave(this.isWhole ? undefined : NO_ERROR)
  }

  #leave(code: number | undefined): void {
    this.#over = true
    this.#receiver = DEAF
    this.#drained = undefined
    let held = 0
    for (const block of this.#held) held += block.length
    if (held > 0) this.#host.credit(this, held - this.#held.at(-1)!.length + this.#used, false)
    this.#held = []
    this.queue.length = 0
    this.#host.over(this, code)
  }

  #hold(bytes: Buffer, from: number, to: number): void {
    let last = this.#held.at(-1)
    let at = from
    if (last !== undefined) {
      const count = Math.min(last.length - this.#used, to - at)
      last.set(bytes.subarray(at, at + count), this.#used)
      this.#used += count
      at += count
    }
    if (at === to) return
    last = Buffer.allocUnsafe(Math.max(HELD_BLOCK, to - at))
    last.set(bytes.subarray(at, to))
    this.#used = to - at
    this.#held.push(last)
  }

  #give(bytes: Uint8Array): void {
    this.#guarded(() => this.#receiver.data(bytes))
    this.#credit(bytes.length)
  }

  #credit(bytes: number): void {
    this.#granted += bytes
    this.#host.credit(this, bytes, !this.isWhole && !this.#over)
  }

  #endRequest(trailers: Trailers): void {
    this.#guarded(() => this.#receiver.end(trailers))
  }

  /** What throws is a defect of whom it belongs to: one stream ends, and no other. */
  #guarded(task: () => void): void {
    try {
      task()
    } catch (error) {
      this.#host.failed(error)
      this.reset(INTERNAL_ERROR)
    }
  }
}
