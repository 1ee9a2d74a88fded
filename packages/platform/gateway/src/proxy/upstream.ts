/** Connections to one instance of a service: each carries a request at a time, and is kept for the next. */
import type { Socket } from 'node:net'
import type { HostHealth } from 'dure/resilience'
import {
  createChunks,
  createHead,
  fault,
  findHead,
  isDone,
  readChunks,
  readResponse,
  resetChunks,
  type Chunks,
  type Fault,
  type Found,
  type Head,
} from '../wire/wire.ts'
import type { Limits } from './limits.ts'
import { Outflow } from './outflow.ts'
import { connect, type Address, type SecureTo } from './sockets.ts'
import { Timed, type Time } from './timed.ts'

/** Whoever waits for an answer. */
export type Asker = {
  readonly method: string
  /** Of the answer: its final head. False: it takes nothing more. */
  readonly answering: (upstream: UpstreamConnection, head: Head) => boolean
  readonly informed: (upstream: UpstreamConnection, head: Head) => Fault | undefined
  readonly switched: (upstream: UpstreamConnection, head: Head) => boolean
  /** Bytes of the body: of chunks as they came, if it takes them so. True: no more for now. */
  readonly part: (upstream: UpstreamConnection, bytes: Buffer, ranges: readonly number[], last: string) => boolean
  /** All has come. */
  readonly answered: (upstream: UpstreamConnection) => void
  readonly failed: (upstream: UpstreamConnection, why: Failure) => void
  readonly drained: () => void
  /** Nothing more has come for now. */
  readonly flush: () => void
}

export type Failure = {
  readonly kind: 'connect' | 'stale' | 'broken' | 'malformed' | 'late' | 'stalled'
  readonly why: string
}

/** Who asks on for nobody. */
const NOBODY: Asker = {
  method: '',
  answering: () => true,
  informed: () => undefined,
  switched: () => false,
  part: () => false,
  answered: (upstream) => upstream.endpoint.giveBack(upstream),
  failed: () => {},
  drained: () => {},
  flush: () => {},
}

const [IDLE, HEAD, LENGTH, CHUNKED, UNTIL_END, TUNNEL, GONE] = [0, 1, 2, 3, 4, 5, 6] as const
/** More words before an answer than anybody needs. */
const MOST_INFORMED = 16

export class UpstreamConnection extends Timed {
  readonly endpoint: Endpoint
  readonly socket: Socket
  readonly outflow: Outflow
  asker: Asker | undefined = undefined
  phase: number = IDLE
  connected = false
  /** Answers it has given: one that ends before the first byte of an answer was perhaps closed before it was asked. */
  answers = 0
  /** It has said something of the answer. */
  begun = false
  /** Chunks are passed on as they came, or their data alone. */
  raw = true
  #left = 0
  #informed = 0
  readonly #head: Head
  readonly #found: Found = { partial: '', text: '', end: 0 }
  #chunks: Chunks | undefined = undefined
  readonly #range: number[] = [0, 0]

  constructor(endpoint: Endpoint, time: Time) {
    super(time)
    this.endpoint = endpoint
    this.#head = createHead(endpoint.limits)
    const connected = (): void => {
      this.connected = true
      this.never()
    }
    this.socket = connect(endpoint, (bytes, from, to) => this.#read(bytes, from, to), connected)
    this.socket.on('error', (error) => this.#ended(error.message))
    this.socket.on('end', () => this.#ended(undefined))
    this.socket.on('close', () => this.#ended('the connection was closed'))
    this.outflow = new Outflow(this.socket, time.turn, () => this.asker?.drained(), endpoint.secure !== undefined)
    this.lateIn(endpoint.limits.connectTimeout)
  }

  /** Sends a request; true: no more for now. */
  ask(asker: Asker, head: string): boolean {
    this.asker = asker
    this.phase = HEAD
    this.begun = false
    this.raw = true
    this.#informed = 0
    if (this.connected) this.due = Number.POSITIVE_INFINITY
    return this.outflow.write(head)
  }

  late(): void {
    if (this.phase === IDLE) return this.cut()
    if (!this.connected)
      this.#fail({ kind: 'connect', why: `it did not take a connection within ${this.endpoint.limits.connectTimeout} ms` })
  }

  /** Nobody wants the answer whose head was read: its connection is kept when the rest of it is nothing. */
  dismiss(): void {
    if (this.phase !== LENGTH || this.#left > 0) return this.cut()
    this.asker = NOBODY
  }

  /** Ends it at once; nobody hears of it. */
  cut(): void {
    if (this.phase === GONE) return
    this.phase = GONE
    this.asker = undefined
    this.never()
    this.endpoint.forget(this)
    this.socket.destroy()
  }

  #fail(failure: Failure): void {
    const { asker } = this
    this.cut()
    asker?.failed(this, failure)
  }

  #ended(error: string | undefined): void {
    if (this.phase === GONE) return
    if (this.phase === UNTIL_END && error === undefined) return this.#finish(false)
    if (this.phase === TUNNEL && error === undefined) return this.#finish(false)
    const why = error ?? 'it ended the connection'
    if (!this.connected) return this.#fail({ kind: 'connect', why })
    this.#fail({ kind: this.phase === HEAD && !this.begun && this.answers > 0 ? 'stale' : 'broken', why })
  }

  #read(bytes: Buffer, from: number, to: number): void {
    // Nobody has asked.
    if (this.phase === IDLE) return this.cut()
    let at = from
    while (at < to && this.phase !== IDLE && this.phase !== GONE) {
      const next = this.#readOn(bytes, at, to)
      if (typeof next === 'object') return this.#fail({ kind: 'malformed', why: next.why })
      at = next
    }
    this.asker?.flush()
  }

  #readOn(bytes: Buffer, from: number, to: number): number | Fault {
    switch (this.phase) {
      case HEAD:
        return this.#readHead(bytes, from, to)
      case LENGTH: {
        const end = Math.min(to, from + this.#left)
        this.#left -= end - from
        return this.#pass(bytes, from, end, this.#left === 0, end === to)
      }
      case CHUNKED: {
        const chunks = this.#chunks!
        const end = readChunks(chunks, bytes, from, to)
        if (typeof end === 'object') return end
        const done = isDone(chunks)
        if (this.asker!.part(this, bytes, this.raw ? chunks.raw : chunks.data, this.raw && done ? chunks.last : ''))
          this.socket.pause()
        if (done) this.#finish(end === to)
        return end
      }
      default:
        return this.#pass(bytes, from, to, false, true)
    }
  }

  #pass(bytes: Buffer, from: number, to: number, done: boolean, clean: boolean): number {
    this.#range[0] = from
    this.#range[1] = to
    if (this.asker!.part(this, bytes, this.#range, '')) this.socket.pause()
    if (done) this.#finish(clean)
    return to
  }

  #readHead(bytes: Buffer, from: number, to: number): number | Fault {
    this.begun = true
    const head = this.#head
    const found = this.#found
    const is = findHead(found, bytes, from, to, head.limits.head)
    if (typeof is === 'object') return is
    if (!is) return to
    const wrong = readResponse(head, found.text)
    if (wrong !== undefined) return wrong
    const { end } = found
    const asker = this.asker!
    if (head.status < 200) {
      if (head.status === 101) {
        if (!asker.switched(this, head)) return fault(502, 'it changed to a protocol that nobody asked for')
        this.phase = TUNNEL
        return end
      }
      if (++this.#informed > MOST_INFORMED) return fault(502, `it said more than ${MOST_INFORMED} times that an answer will come`)
      return asker.informed(this, head) ?? end
    }
    this.answers++
    const empty = asker.method === 'HEAD' || head.status === 204 || head.status === 304
    const { length, chunked } = head
    this.phase = empty ? LENGTH : chunked ? CHUNKED : length === -1 ? UNTIL_END : LENGTH
    this.#left = empty ? 0 : Math.max(0, length)
    if (this.phase === CHUNKED) resetChunks((this.#chunks ??= createChunks(this.endpoint.limits)), 502)
    if (!asker.answering(this, head)) return to
    if (this.phase === LENGTH && this.#left === 0) {
      this.#range[0] = this.#range[1] = end
      this.asker!.part(this, bytes, this.#range, '')
      this.#finish(end === to)
    }
    return end
  }

  /** @param clean nothing has come that belongs to no answer */
  #finish(clean: boolean): void {
    const { asker, phase } = this
    // Whoever took the last part has given up.
    if (asker === undefined) return
    const head = this.#head
    const keeps = (phase === LENGTH || phase === CHUNKED) && (head.minor === 1 ? !head.close : head.keepAlive)
    this.asker = undefined
    if (clean && keeps && !this.socket.destroyed) {
      this.phase = IDLE
      this.socket.resume()
      this.lateIn(this.endpoint.limits.upstreamIdleTimeout)
      asker.answered(this)
    } else {
      this.cut()
      asker.answered(this)
    }
  }
}

/** One instance, and the connections to it. */
export class Endpoint {
  /** `127.0.0.1:8080`. */
  readonly name: string
  readonly host: string
  readonly port: number
  readonly secure: SecureTo | undefined
  readonly limits: Limits
  readonly time: Time
  health: HostHealth | undefined
  /** The one used last is used first, so that those which are not needed grow old. */
  readonly #idle: UpstreamConnection[] = []
  readonly #all = new Set<UpstreamConnection>()
  /** It is gone from where it was listed: what is under way is finished. */
  #retired = false
  #busy = 0
  readonly pending = (): number => this.#busy

  constructor(address: Address, limits: Limits, time: Time) {
    this.name = `${address.host}:${address.port}`
    this.host = address.host
    this.port = address.port
    this.secure = address.secure
    this.limits = limits
    this.time = time
  }

  /** A connection for one request; undefined when there are as many as there may be. */
  take(): UpstreamConnection | undefined {
    const idle = this.#idle.pop()
    if (idle === undefined && this.#all.size >= this.limits.upstreamConnections) return undefined
    this.#busy++
    if (idle !== undefined) return idle
    const made = new UpstreamConnection(this, this.time)
    this.#all.add(made)
    return made
  }

  /** Takes one back that has answered; else it is cut. */
  giveBack(connection: UpstreamConnection): void {
    if (connection.phase !== IDLE || this.#retired) return connection.cut()
    this.#busy--
    this.#idle.push(connection)
  }

  forget(connection: UpstreamConnection): void {
    if (!this.#all.delete(connection)) return
    const at = this.#idle.indexOf(connection)
    if (at === -1) this.#busy--
    else this.#idle.splice(at, 1)
  }

  retire(): void {
    this.#retired = true
    for (const each of [...this.#idle]) each.cut()
  }

  /** How many connections there are. */
  connections(): number {
    return this.#all.size
  }
}
