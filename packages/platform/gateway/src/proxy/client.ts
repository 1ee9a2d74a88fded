/** The connection of one client over HTTP/1.1: its requests in their order, each passed on and answered before the next is looked at. */
import { findHead, readRequest, type Fault, type Found, type Head } from '../wire/wire.ts'
import { AnswerWriter } from './answer-writer.ts'
import { ownBody, unreadable, type Answer } from './answer.ts'
import { copyOf } from './copy.ts'
import type { Surroundings } from './decisions.ts'
import { answerHead, isStream } from './forward.ts'
import { Inflow } from './inflow.ts'
import { Outflow } from './outflow.ts'
import { BODY, DECIDING, GONE, HEAD, LINGERING, TUNNEL, WAITING } from './phase.ts'
import { ProxiedRequest } from './proxied-request.ts'
import { accept, addressOf, type Connection } from './sockets.ts'
import { chain, type MakeStage, type Stage } from './stages.ts'
import type { UpstreamConnection } from './upstream.ts'

/** Bytes of a request that nobody reads any more and that are waited for, so that its answer is not lost. */
const MOST_LINGERING = 1_048_576
const LINGER = 2_000

export class ClientConnection extends ProxiedRequest {
  readonly socket: Connection
  readonly address: string
  readonly port: number
  #reading = false
  #ended = false
  #close = false
  #stream = false
  #tunnelled = 0
  #lingered = 0
  #chain: Stage | undefined = undefined
  readonly #left: (client: ClientConnection) => void
  readonly #found: Found = { partial: '', text: '', end: 0 }
  readonly #inflow: Inflow
  readonly #outflow: Outflow
  readonly #answerWriter: AnswerWriter

  /** @param left told when it is gone */
  constructor(accepted: Connection, around: Surroundings<ProxiedRequest>, left: (client: ClientConnection) => void) {
    super(around)
    const socket = accept(accepted, (bytes, from, to) => this.#read(bytes, from, to), around.plainly)
    this.socket = socket
    this.address = addressOf(socket)
    this.port = socket.localPort ?? 0
    this.#left = left
    this.#inflow = new Inflow(socket)
    this.#outflow = new Outflow(socket, around.time.turn, () => this.#drain(), around.plainly)
    this.#answerWriter = new AnswerWriter(this.#outflow)
    socket.on('end', () => this.#end())
    socket.on('close', () => this.#gone())
    socket.on('error', () => socket.destroy())
    this.lateIn(around.limits.headTimeout)
  }

  get bytesIn(): number {
    return this.body.came + this.#tunnelled
  }

  get bytesOut(): number {
    return this.#answerWriter.bytes
  }

  /** Whether a request is under way. */
  busy(): boolean {
    return this.phase !== HEAD || this.#found.partial !== ''
  }

  /** Takes no further request; what is under way is answered. */
  close(): void {
    this.#close = true
    if (!this.busy()) this.#outflow.destroySoon()
  }

  // What the client sends.

  #read(bytes: Buffer, from: number, to: number): void {
    this.moved = this.#reading = true
    this.#readAll(bytes, from, to)
    this.#reading = false
  }

  #readAll(bytes: Buffer, from: number, to: number): void {
    let at = from
    while (at < to) {
      switch (this.phase) {
        case HEAD:
          at = this.#readHead(bytes, at, to)
          break
        case BODY:
          at = this.readBody(bytes, at, to)
          break
        case TUNNEL:
          this.#tunnelled += to - at
          if (this.upstream?.outflow.copy(bytes, [at, to]) === true) this.hold(true)
          return
        case DECIDING:
          if (this.wants()) {
            at = this.collect(bytes, at, to)
            break
          }
          this.#inflow.putOff(bytes.subarray(at, to))
          return
        case LINGERING:
          this.#lingered += to - at
          if (this.#lingered > MOST_LINGERING) this.destroy()
          return
        case GONE:
          return
        default:
          this.#inflow.putOff(bytes.subarray(at, to))
          return
      }
    }
  }

  protected goOn(): void {
    const later = this.#inflow.take()
    if (later !== undefined) this.#read(later, 0, later.length)
    this.#inflow.flow()
  }

  protected hold(held: boolean): void {
    this.#inflow.block(held)
  }

  protected held(): boolean {
    return this.#inflow.blocked
  }

  #readHead(bytes: Buffer, from: number, to: number): number {
    const { limits } = this.around
    const first = this.#found.partial === ''
    const is = findHead(this.#found, bytes, from, to, limits.head)
    if (is === false) {
      if (first) this.lateIn(limits.headTimeout)
      return to
    }
    const wrong = is === true ? readRequest(this.head, this.#found.text) : is
    this.start()
    if (wrong !== undefined) {
      this.refuse(wrong)
      return to
    }
    const { head } = this
    if (head.close || head.minor === 0 || this.around.closing()) this.#close = true
    this.decide()
    return this.#found.end
  }

  protected override start(): void {
    super.start()
    this.#tunnelled = 0
    this.#stream = false
    this.#answerWriter.reset()
  }

  // What its upstream answers.

  informed(_upstream: UpstreamConnection, head: Head): Fault | undefined {
    if (this.head.minor === 1) {
      this.told = true
      this.#outflow.write(answerHead(head, { framing: 'none', edits: undefined, more: '' }))
    }
    return undefined
  }

  switched({ endpoint }: UpstreamConnection, head: Head): boolean {
    if (this.head.upgrade === '' || head.upgrade !== this.head.upgrade || this.phase !== WAITING) return false
    this.status = 101
    this.told = this.#close = true
    const more = `connection: upgrade\r\nupgrade: ${head.upgrade}\r\n${this.#own()}`
    this.around.decisions.tried(this, endpoint, 101)
    this.#outflow.write(answerHead(head, { framing: 'none', edits: this.answerEdits, more }))
    this.phase = TUNNEL
    this.#stream = true
    this.lateIn(this.stall())
    // Not now: the rest of what came with this head goes first.
    queueMicrotask(() => this.goOn())
    return true
  }

  answering(upstream: UpstreamConnection, head: Head): boolean {
    const { decisions } = this.around
    if (decisions.tried(this, upstream.endpoint, head.status) && this.repeats()) {
      this.giveUp()
      this.ask()
      return false
    }
    this.status = head.status
    const own = decisions.answering(this, head)
    if (own !== undefined) {
      const nothing = this.phase === WAITING && (head.status === 204 || head.status === 304)
      if (nothing) upstream.dismiss()
      else upstream.cut()
      this.upstream = undefined
      this.answer(own)
      return nothing
    }
    this.replying = this.told = true
    this.body.forget()
    const empty = this.method === 'HEAD' || head.status === 204 || head.status === 304
    const old = this.head.minor === 0
    // Whoever is answered before all was sent has to end, for nobody knows where his next request would begin.
    if (this.phase === BODY || this.around.closing()) this.#close = true
    this.#answerWriter.frame(head, empty, old)
    upstream.raw = !old
    if (this.stages !== undefined) {
      upstream.raw = false
      this.#answerWriter.reframe(old)
      this.#begin(this.stages)
    }
    if (this.#answerWriter.framing === 'until the end') this.#close = true
    this.#answerWriter.begin(head, this.answerEdits, this.#own())
    this.#stream = isStream(head)
    this.lateIn(this.stall())
    this.moved = false
    return true
  }

  protected stall(): number {
    const { streamTimeout, stallTimeout } = this.around.limits
    return this.#stream ? streamTimeout : stallTimeout
  }

  /** An answer whose body waits is told of at once. */
  flush(): void {
    if (this.replying) this.#answerWriter.flush()
  }

  #own(): string {
    return `${this.#close && this.status !== 101 ? 'connection: close\r\n' : ''}x-correlation-id: ${this.correlation}\r\n`
  }

  part(_upstream: UpstreamConnection, bytes: Buffer, ranges: readonly number[], last: string): boolean {
    this.moved = true
    if (this.#chain === undefined) return this.#answerWriter.part(bytes, ranges, last)
    const part = copyOf(bytes, ranges)
    return part.length > 0 && this.#chain.write(part)
  }

  #begin(stages: readonly MakeStage[]): void {
    this.#chain = chain(stages, {
      write: (bytes) => {
        this.moved = true
        return this.#answerWriter.part(bytes, [0, bytes.length], '')
      },
      end: () => {
        this.#chain = undefined
        this.#answerWriter.end()
        this.#over()
      },
      ready: () => this.upstream?.socket.resume(),
      fail: (error) => {
        this.failure = `A filter failed: ${String(error)}`
        this.destroy()
      },
    })
  }

  protected stopStages(): void {
    const { stop } = this.#chain ?? {}
    this.#chain = undefined
    stop?.()
  }

  answered(upstream: UpstreamConnection): void {
    this.upstream = undefined
    // An upstream that has answered before it had the request is in the middle of one.
    if (this.phase === BODY) upstream.cut()
    else upstream.endpoint.giveBack(upstream)
    if (this.phase === TUNNEL) {
      this.around.decisions.ended(this)
      return this.#linger()
    }
    if (this.#chain !== undefined) return this.#chain.end()
    this.#answerWriter.end()
    this.#over()
  }

  // Own answers, and ends.

  protected withdraw(): boolean {
    return this.#answerWriter.withdraw()
  }

  protected refuse({ status, why }: Fault): void {
    this.#close = true
    this.failure = why
    this.giveUp()
    if (this.replying) return this.destroy()
    this.answer(unreadable(status, why))
  }

  protected answer(given: Answer): void {
    if (this.phase === GONE) return
    // What is still to come of the request is not read.
    const unread = (this.phase === BODY || this.phase === DECIDING) && this.method !== '' && !this.body.ended()
    if (unread || this.around.closing()) this.#close = true
    this.stages = undefined
    const answer = this.around.decisions.refusing(this, given, !unread)
    this.status = answer.status
    this.body.forget()
    if (this.stages !== undefined) return this.#answerThrough(answer, this.stages)
    this.#answerWriter.own(answer, this.#own(), this.method)
    this.#over()
  }

  #answerThrough(answer: Answer, stages: readonly MakeStage[]): void {
    const body = ownBody(answer, this.method) ?? ''
    const old = this.head.minor === 0
    if (old) this.#close = true
    this.phase = WAITING
    this.replying = this.told = true
    this.lateIn(this.stall())
    this.#answerWriter.beginOwn(answer, this.#own(), old)
    this.#begin(stages)
    const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    if (bytes.length > 0) this.#chain?.write(bytes)
    this.#chain?.end()
  }

  #over(): void {
    this.replying = false
    this.around.decisions.ended(this)
    if (this.#close) return this.#linger()
    this.phase = HEAD
    this.lateIn(this.around.limits.idleTimeout)
    // Answers that nobody takes are not added to.
    if (this.#outflow.full()) this.hold(true)
    else {
      this.hold(false)
      if (!this.#reading) this.goOn()
    }
  }

  /** An end at once could take the answer away from whoever still sends: RFC 9112, section 9.6. */
  #linger(): void {
    const sends = this.phase !== WAITING || this.#inflow.waits()
    this.phase = LINGERING
    this.#inflow.take()
    this.hold(false)
    this.lateIn(LINGER)
    if (this.#ended || !sends) this.#outflow.destroySoon()
    else this.#outflow.end()
  }

  destroy(): void {
    this.#outflow.destroy()
  }

  #drain(): void {
    if (this.#chain !== undefined) this.#chain.drained()
    else this.upstream?.socket.resume()
    if (this.phase === HEAD && this.#inflow.blocked) {
      this.#inflow.blocked = false
      this.goOn()
    }
  }

  /** Whoever ends his half before he is answered has gone, as for other servers. */
  #end(): void {
    this.#ended = true
    if (this.phase === TUNNEL) this.upstream?.outflow.end()
    else if (this.phase === HEAD || this.phase === LINGERING) this.#outflow.destroySoon()
    else {
      this.failure = 'the client ended the connection before it was answered'
      this.destroy()
    }
  }

  #gone(): void {
    if (this.phase === GONE) return
    const open = this.phase !== HEAD && this.phase !== LINGERING
    this.giveUp()
    this.phase = GONE
    this.#inflow.take()
    this.never()
    if (open) {
      if (this.status === 0) this.status = 499
      this.failure ??= 'the connection ended before the answer did'
      this.around.decisions.ended(this)
    }
    this.#left(this)
  }

  late(): void {
    switch (this.phase) {
      case HEAD:
        if (this.#found.partial === '') return this.destroy()
        this.start()
        return this.refuse({ status: 408, why: `its head was not there within ${this.around.limits.headTimeout} ms` })
      case DECIDING:
      case BODY:
      case WAITING:
        return this.lateOnItsWay()
      case TUNNEL:
        return this.lateUnlessMoved()
      default:
        return this.destroy()
    }
  }
}
