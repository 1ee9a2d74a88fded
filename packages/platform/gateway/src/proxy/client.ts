/** The connection of one client: its requests in their order, each passed on and answered before the next is looked at. */
import type { Socket } from 'node:net'
import { createHead, findHead, readRequest, type Fault, type Found, type Head } from '../wire/wire.ts'
import { AnswerWriter } from './answer-writer.ts'
import { NOBODY, problem, textOf, tooLarge, tooLate, UNANSWERED, unreadable, type Answer } from './answer.ts'
import type { Surroundings } from './decisions.ts'
import type { Edits } from './edits.ts'
import { answerHead, isStream, requestHead } from './forward.ts'
import { Inflow } from './inflow.ts'
import { RequestBody } from './request-body.ts'
import { accept, addressOf } from './sockets.ts'
import { Timed } from './timed.ts'
import type { Asker, Failure, UpstreamConnection } from './upstream.ts'

const [HEAD, DECIDING, BODY, WAITING, TUNNEL, LINGERING, GONE] = [0, 1, 2, 3, 4, 5, 6] as const
/** Bytes of a request that nobody reads any more and that are waited for, so that its answer is not lost. */
const MOST_LINGERING = 1_048_576
const LINGER = 2_000

export class ClientConnection extends Timed implements Asker {
  readonly around: Surroundings<ClientConnection>
  readonly socket: Socket
  readonly address: string
  readonly head: Head
  /** Of the request under way. */
  method = ''
  target = ''
  begun = 0
  edits: Edits | undefined = undefined
  answerEdits: Edits | undefined = undefined
  correlation = ''
  traceparent = ''
  status = 0
  tries = 0
  /** Milliseconds to the head of the answer. */
  timeout = 30_000
  mostBody: number = Number.POSITIVE_INFINITY
  /** What went wrong, in words. */
  failure: string | undefined = undefined
  /** Whatever the decisions keep of it. */
  about: unknown = undefined

  #phase: number = HEAD
  #reading = false
  #ended = false
  #close = false
  /** Something of the answer has been sent. */
  #told = false
  #answering = false
  #moved = false
  #stream = false
  #tunnelled = 0
  #lingered = 0
  #upstream: UpstreamConnection | undefined = undefined
  #counts = 0
  readonly #found: Found = { partial: '', text: '', end: 0 }
  readonly #inflow: Inflow
  readonly #body: RequestBody
  readonly #answerWriter: AnswerWriter

  constructor(socket: Socket, around: Surroundings<ClientConnection>) {
    super(around.time)
    this.around = around
    this.head = createHead(around.limits)
    this.socket = accept(socket, (bytes, from, to) => this.#read(bytes, from, to), around.plainly)
    this.#inflow = new Inflow(this.socket)
    this.#body = new RequestBody(around.limits)
    this.#answerWriter = new AnswerWriter(this.socket)
    this.address = addressOf(this.socket)
    this.socket.on('end', () => this.#end())
    this.socket.on('close', () => this.#gone())
    this.socket.on('error', () => this.socket.destroy())
    this.socket.on('drain', () => this.#drain())
    this.lateIn(around.limits.headTimeout)
  }

  /** Bytes of the body of the request, and of the answer. */
  get bytesIn(): number {
    return this.#body.came + this.#tunnelled
  }

  get bytesOut(): number {
    return this.#answerWriter.bytes
  }

  /** Whether a request is under way. */
  busy(): boolean {
    return this.#phase !== HEAD || this.#found.partial !== ''
  }

  /** Takes no further request; what is under way is answered. */
  close(): void {
    this.#close = true
    if (!this.busy()) this.socket.destroySoon()
  }

  // What the client sends.

  #read(bytes: Buffer, from: number, to: number): void {
    this.#moved = this.#reading = true
    this.#readAll(bytes, from, to)
    this.#reading = false
  }

  #readAll(bytes: Buffer, from: number, to: number): void {
    let at = from
    while (at < to) {
      switch (this.#phase) {
        case HEAD:
          at = this.#readHead(bytes, at, to)
          break
        case BODY:
          at = this.#readBody(bytes, at, to)
          break
        case TUNNEL:
          this.#tunnelled += to - at
          if (this.#upstream?.socket.write(Buffer.from(bytes.subarray(at, to))) === false) this.#inflow.block(true)
          return
        case LINGERING:
          this.#lingered += to - at
          if (this.#lingered > MOST_LINGERING) this.socket.destroy()
          return
        case GONE:
          return
        default:
          this.#inflow.putOff(bytes.subarray(at, to))
          return
      }
    }
  }

  /** Reads what was put off, and then on. */
  #goOn(): void {
    const later = this.#inflow.take()
    if (later !== undefined) this.#read(later, 0, later.length)
    this.#inflow.flow()
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
    this.#start()
    if (wrong !== undefined) {
      this.#refuse(wrong)
      return to
    }
    const { head } = this
    this.method = head.method
    this.target = head.target
    if (head.close || head.minor === 0 || this.around.closing()) this.#close = true
    this.#body.begin(head)
    this.#phase = DECIDING
    const decided = this.around.decisions.begin(this)
    if (decided instanceof Promise) this.#decideLater(decided)
    else this.#decided(decided)
    return this.#found.end
  }

  #start(): void {
    this.begun = this.time.clock.monotonic()
    this.edits = this.answerEdits = this.failure = undefined
    this.status = this.tries = 0
    this.#tunnelled = 0
    this.mostBody = Number.POSITIVE_INFINITY
    this.#told = this.#answering = this.#stream = false
    this.#answerWriter.reset()
    this.method = this.target = this.correlation = this.traceparent = ''
    this.about = undefined
  }

  #decideLater(decided: Promise<Answer | undefined>): void {
    const count = ++this.#counts
    this.lateAt(this.begun + this.timeout)
    const go = (answer: Answer | undefined): void => {
      if (this.#phase !== DECIDING || count !== this.#counts) return
      this.#decided(answer)
      this.#goOn()
    }
    decided.then(go, (error: unknown) => {
      this.failure = String(error)
      go(problem(500, 'INTERNAL', 'The gateway failed at the request'))
    })
  }

  #decided(answer: Answer | undefined): void {
    if (this.#phase !== DECIDING) return
    if (answer !== undefined) return this.#answer(answer)
    const { head } = this
    if (head.length > this.mostBody) return this.#answer(tooLarge(this.mostBody))
    this.#phase = this.#body.ended() ? WAITING : BODY
    this.#ask()
  }

  #ask(): void {
    const { decisions, name, trusting } = this.around
    const endpoint = decisions.pick(this)
    const upstream = endpoint?.take()
    this.tries++
    if (endpoint === undefined || upstream === undefined) {
      this.failure ??= endpoint === undefined ? 'no instance is up' : 'all connections to the instance are in use'
      return this.#answer(NOBODY)
    }
    this.#upstream = upstream
    const { head, method, target, edits, address, traceparent, correlation } = this
    const who = { address, port: this.socket.localPort ?? 0, secure: false, traceparent, correlation }
    const passing = { head, method, target, edits, trusting, name, ...who }
    let blocked = upstream.ask(this, requestHead(passing, endpoint))
    for (const part of this.#body.parts ?? []) blocked = !upstream.socket.write(part)
    this.#inflow.block(blocked)
    this.#moved = false
    if (this.#phase === BODY) this.#watchBody()
    else this.lateAt(this.begun + this.timeout)
  }

  #watchBody(): void {
    const { stallTimeout, requestTimeout } = this.around.limits
    this.lateAt(Math.min(this.time.clock.monotonic() + stallTimeout, this.begun + requestTimeout))
  }

  #readBody(bytes: Buffer, from: number, to: number): number {
    const body = this.#body
    const end = body.read(bytes, from, to, this.#pass)
    if (typeof end === 'object') {
      this.#refuse(end)
      return to
    }
    if (body.came > this.mostBody) {
      this.#answer(tooLarge(this.mostBody))
      return to
    }
    if (body.ended()) this.#sent()
    return end
  }

  readonly #pass = (part: Buffer): void => {
    if (this.#answering) this.#body.forget()
    if (this.#upstream?.socket.write(part) === false) this.#inflow.block(true)
  }

  #sent(): void {
    if (this.#phase !== BODY) return
    this.#phase = WAITING
    if (!this.#answering) this.lateIn(this.timeout)
  }

  // What its upstream answers.

  informed(_upstream: UpstreamConnection, head: Head): Fault | undefined {
    if (this.head.minor === 1) {
      this.#told = true
      this.socket.write(answerHead(head, { framing: 'none', edits: undefined, more: '' }), 'latin1')
    }
    return undefined
  }

  switched(_upstream: UpstreamConnection, head: Head): boolean {
    if (this.head.upgrade === '' || head.upgrade !== this.head.upgrade || this.#phase !== WAITING) return false
    this.status = 101
    this.#told = this.#close = true
    const more = `connection: upgrade\r\nupgrade: ${head.upgrade}\r\n${this.#own()}`
    this.around.decisions.tried(this, _upstream.endpoint, 101)
    this.socket.write(answerHead(head, { framing: 'none', edits: this.answerEdits, more }), 'latin1')
    this.#phase = TUNNEL
    this.#stream = true
    this.lateIn(this.around.limits.streamTimeout)
    // Not now: the rest of what came with this head goes first.
    queueMicrotask(() => this.#goOn())
    return true
  }

  answering(upstream: UpstreamConnection, head: Head): boolean {
    const { decisions, limits } = this.around
    if (decisions.tried(this, upstream.endpoint, head.status) && this.#repeats()) {
      this.#giveUp()
      this.#ask()
      return false
    }
    this.status = head.status
    const own = decisions.answering(this, head)
    if (own !== undefined) {
      this.#giveUp()
      this.#answer(own)
      return false
    }
    this.#answering = this.#told = true
    this.#body.forget()
    const empty = this.method === 'HEAD' || head.status === 204 || head.status === 304
    const old = this.head.minor === 0
    // Whoever is answered before all was sent has to end, for nobody knows where his next request would begin.
    if (this.#phase === BODY || this.around.closing()) this.#close = true
    this.#answerWriter.frame(head, empty, old)
    upstream.raw = !old
    if (this.#answerWriter.framing === 'until the end') this.#close = true
    this.#answerWriter.begin(head, this.answerEdits, this.#own())
    this.#stream = isStream(head)
    this.lateIn(this.#stream ? limits.streamTimeout : limits.stallTimeout)
    this.#moved = false
    return true
  }

  /** An answer whose body waits is told of at once. */
  flush(): void {
    if (this.#answering) this.#answerWriter.flush()
  }

  #own(): string {
    return `${this.#close && this.status !== 101 ? 'connection: close\r\n' : ''}x-correlation-id: ${this.correlation}\r\n`
  }

  part(_upstream: UpstreamConnection, bytes: Buffer, ranges: readonly number[], last: string): boolean {
    this.#moved = true
    return this.#answerWriter.part(bytes, ranges, last)
  }

  answered(upstream: UpstreamConnection): void {
    this.#upstream = undefined
    // An upstream that has answered before it had the request is in the middle of one.
    if (this.#phase === BODY) upstream.cut()
    else upstream.endpoint.giveBack(upstream)
    if (this.#phase === TUNNEL) {
      this.around.decisions.ended(this)
      return this.#linger()
    }
    this.#answerWriter.end()
    this.#over()
  }

  failed(upstream: UpstreamConnection, failure: Failure): void {
    this.#upstream = undefined
    this.#inflow.block(false)
    const again = this.around.decisions.tried(this, upstream.endpoint, failure)
    if (this.#phase === TUNNEL) return void this.socket.destroy()
    this.failure = `${upstream.endpoint.host}:${upstream.endpoint.port}: ${failure.why}`
    // A part of an answer cannot be taken back: that it ends before its end says that it is one.
    if (this.#answering && !this.#answerWriter.withdraw()) return void this.socket.destroy()
    this.#answering = false
    if (again && this.#repeats()) return this.#ask()
    this.#answer(failure.kind === 'connect' ? NOBODY : UNANSWERED)
  }

  drained(): void {
    this.#inflow.block(false)
  }

  /** Whether all that was sent of the request can be sent again, and nothing of an answer was. */
  #repeats(): boolean {
    return !this.#told && this.#body.isWhole()
  }

  #giveUp(): void {
    const upstream = this.#upstream
    this.#upstream = undefined
    upstream?.cut()
  }

  // Own answers, and ends.

  #refuse({ status, why }: Fault): void {
    this.#close = true
    this.failure = why
    this.#giveUp()
    if (this.#answering) return void this.socket.destroy()
    this.#answer(unreadable(status, why))
  }

  #answer(given: Answer): void {
    if (this.#phase === GONE) return
    // What is still to come of the request is not read.
    const unread = (this.#phase === BODY || this.#phase === DECIDING) && this.method !== '' && !this.#body.ended()
    if (unread || this.around.closing()) this.#close = true
    const answer = this.around.decisions.refusing(this, given)
    this.status = answer.status
    const text = textOf(answer, this.#own(), this.method !== 'HEAD')
    this.#answerWriter.bytes += answer.body?.length ?? 0
    this.socket.write(text, 'latin1')
    this.#body.forget()
    this.#over()
  }

  #over(): void {
    this.#answering = false
    this.around.decisions.ended(this)
    if (this.#close) return this.#linger()
    this.#phase = HEAD
    this.lateIn(this.around.limits.idleTimeout)
    // Answers that nobody takes are not added to.
    if (this.socket.writableNeedDrain) this.#inflow.block(true)
    else {
      this.#inflow.block(false)
      if (!this.#reading) this.#goOn()
    }
  }

  /** An end at once could take the answer away from whoever still sends: RFC 9112, section 9.6. */
  #linger(): void {
    const sends = this.#phase !== WAITING || this.#inflow.waits()
    this.#phase = LINGERING
    this.#inflow.take()
    this.#inflow.block(false)
    this.lateIn(LINGER)
    if (this.#ended || !sends) this.socket.destroySoon()
    else this.socket.end()
  }

  #drain(): void {
    this.#upstream?.socket.resume()
    if (this.#phase === HEAD && this.#inflow.blocked) {
      this.#inflow.blocked = false
      this.#goOn()
    }
  }

  /** Whoever ends his half before he is answered has gone, as for other servers. */
  #end(): void {
    this.#ended = true
    if (this.#phase === TUNNEL) this.#upstream?.socket.end()
    else if (this.#phase === HEAD || this.#phase === LINGERING) this.socket.destroySoon()
    else {
      this.failure = 'the client ended the connection before it was answered'
      this.socket.destroy()
    }
  }

  #gone(): void {
    if (this.#phase === GONE) return
    const open = this.#phase !== HEAD && this.#phase !== LINGERING
    this.#giveUp()
    this.#phase = GONE
    this.#inflow.take()
    this.never()
    if (open) {
      if (this.status === 0) this.status = 499
      this.failure ??= 'the connection ended before the answer did'
      this.around.decisions.ended(this)
    }
    this.around.left(this)
  }

  late(): void {
    const { limits } = this.around
    switch (this.#phase) {
      case HEAD:
        if (this.#found.partial === '') return void this.socket.destroy()
        this.#start()
        return this.#refuse({ status: 408, why: `its head was not there within ${limits.headTimeout} ms` })
      case BODY:
        if (this.time.clock.monotonic() - this.begun >= limits.requestTimeout)
          return this.#tooSlow(`it was not there within ${limits.requestTimeout} ms`)
        // Held back by whoever it goes to: that is his delay.
        if (!this.#moved && this.#inflow.blocked && !this.#answering) return this.#unanswered()
        if (!this.#moved) return this.#tooSlow(`nothing came of it for ${limits.stallTimeout} ms`)
        this.#moved = false
        return this.#watchBody()
      case DECIDING:
      case WAITING:
        if (!this.#answering) return this.#unanswered()
        if (!this.#moved) return void this.socket.destroy()
        break
      case TUNNEL:
        if (!this.#moved) return void this.socket.destroy()
        break
      default:
        return void this.socket.destroy()
    }
    this.#moved = false
    this.lateIn(this.#stream ? limits.streamTimeout : limits.stallTimeout)
  }

  #tooSlow(why: string): void {
    if (this.#answering) return void this.socket.destroy()
    this.#refuse({ status: 408, why })
  }

  #unanswered(): void {
    const endpoint = this.#upstream?.endpoint
    this.#giveUp()
    const why = `no answer within ${this.timeout} ms`
    this.failure = endpoint === undefined ? why : `${endpoint.host}:${endpoint.port}: ${why}`
    if (endpoint !== undefined) this.around.decisions.tried(this, endpoint, { kind: 'late', why })
    this.#answer(tooLate(this.timeout))
  }
}
