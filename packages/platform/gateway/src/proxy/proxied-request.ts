/** A request on its way: who is asked, with what of its body, again where that may be, and until when. How its client speaks is not known here. */
import { createHead, type Fault, type Head } from '../wire/wire.ts'
import { NOBODY, problem, tooLarge, tooLate, UNANSWERED, type Answer } from './answer.ts'
import type { Surroundings } from './decisions.ts'
import type { Edits } from './edits.ts'
import { requestHead } from './forward.ts'
import { BODY, DECIDING, HEAD, TUNNEL, WAITING } from './phase.ts'
import { RequestBody } from './request-body.ts'
import type { MakeStage } from './stages.ts'
import { Timed } from './timed.ts'
import type { Asker, Failure, UpstreamConnection } from './upstream.ts'

export abstract class ProxiedRequest extends Timed implements Asker {
  readonly around: Surroundings<ProxiedRequest>
  readonly head: Head
  /** Of the client, and the port that it came in by. */
  abstract readonly address: string
  abstract readonly port: number
  readonly secure: boolean
  readonly came = { host: '', lines: '' }
  method = ''
  target = ''
  begun = 0
  edits: Edits | undefined = undefined
  answerEdits: Edits | undefined = undefined
  correlation = ''
  traceparent = ''
  status = 0
  tries = 0
  /** What the body of the answer is passed through, the first one first. */
  stages: MakeStage[] | undefined = undefined
  /** Whether it is told of when all of it has arrived, with its body if that could be kept. */
  keeps = false
  /** Milliseconds to the head of the answer. */
  timeout = 30_000
  /** Of it, what one instance may take before another is asked. */
  attemptTimeout: number = Number.POSITIVE_INFINITY
  mostBody: number = Number.POSITIVE_INFINITY
  /** What went wrong, in words. */
  failure: string | undefined = undefined
  /** Whatever the decisions keep of it. */
  about: unknown = undefined

  protected phase: number = HEAD
  /** Something of an answer has been sent. */
  protected told = false
  /** An instance's answer is being passed on. */
  protected replying = false
  /** Something has come or gone since it was last looked at. */
  protected moved = false
  protected upstream: UpstreamConnection | undefined = undefined
  protected readonly body: RequestBody
  /** Who waits for all of the body before it is decided what becomes of the request. */
  #wanted: (() => void) | undefined = undefined
  /** Told of decisions that come when their request is over. */
  #counts = 0
  /** By when there has to be an answer. */
  #deadline = 0

  constructor(around: Surroundings<ProxiedRequest>) {
    super(around.time)
    this.around = around
    this.secure = around.secure
    this.head = createHead(around.limits)
    this.body = new RequestBody(around.limits)
  }

  // What depends on how the client speaks.

  /** Bytes of the body of the request, and of the answer. */
  abstract get bytesIn(): number
  abstract get bytesOut(): number
  abstract informed(upstream: UpstreamConnection, head: Head): Fault | undefined
  abstract switched(upstream: UpstreamConnection, head: Head): boolean
  abstract answering(upstream: UpstreamConnection, head: Head): boolean
  abstract part(upstream: UpstreamConnection, bytes: Buffer, ranges: readonly number[], last: string): boolean
  abstract answered(upstream: UpstreamConnection): void
  abstract flush(): void
  /** Gives an answer of the gateway's own; the request is over with it. */
  protected abstract answer(given: Answer): void
  /** The client's bytes are no request. */
  protected abstract refuse(wrong: Fault): void
  /** Ends the client's connection at once, in the middle of whatever it is told. */
  protected abstract destroy(): void
  /** Takes back what was not written of an answer yet; false: some of it was. */
  protected abstract withdraw(): boolean
  /** The answer whose body passes through stages will not come to its end. */
  protected abstract stopStages(): void
  /** Has the client wait before it sends more, or go on. */
  protected abstract hold(held: boolean): void
  protected abstract held(): boolean
  /** Reads what the client has sent meanwhile. */
  protected abstract goOn(): void

  /** A request begins: nothing is left of the one before. */
  protected start(): void {
    this.begun = this.time.clock.monotonic()
    this.edits = this.answerEdits = this.failure = this.stages = undefined
    this.keeps = false
    this.status = this.tries = this.#deadline = 0
    this.mostBody = this.attemptTimeout = Number.POSITIVE_INFINITY
    this.told = this.replying = false
    this.method = this.target = this.correlation = this.traceparent = ''
    this.about = this.#wanted = undefined
  }

  /** All of the body, while it is being decided what becomes of the request; undefined when it is longer, or its length is not said. */
  async wholeBody(most: number): Promise<Buffer | undefined> {
    const { length, chunked } = this.head
    // What was read here may still be passed on: it has to be kept.
    if (this.phase !== DECIDING || chunked || length > Math.min(most, this.around.limits.replay)) return undefined
    if (!this.body.ended()) {
      await new Promise<void>((done) => {
        this.#wanted = done
        this.goOn()
      })
    }
    return Buffer.concat(this.body.parts ?? [])
  }

  protected wants(): boolean {
    return this.#wanted !== undefined
  }

  /** Its head is there. */
  protected decide(): void {
    const { head } = this
    this.method = head.method
    this.target = head.target
    this.body.begin(head)
    this.phase = DECIDING
    const decided = this.around.decisions.begin(this)
    if (decided instanceof Promise) this.#decideLater(decided)
    else this.#decided(decided)
  }

  #decideLater(decided: Promise<Answer | undefined>): void {
    const count = ++this.#counts
    this.lateAt(this.begun + this.timeout)
    const go = (answer: Answer | undefined): void => {
      if (this.phase !== DECIDING || count !== this.#counts) return
      this.#decided(answer)
      this.goOn()
    }
    decided.then(go, (error: unknown) => {
      this.failure = String(error)
      go(problem(500, 'INTERNAL', 'The gateway failed at the request'))
    })
  }

  #decided(answer: Answer | undefined): void {
    if (this.phase !== DECIDING) return
    if (answer !== undefined) return this.answer(answer)
    if (this.head.length > this.mostBody) return this.answer(tooLarge(this.mostBody))
    this.phase = this.body.ended() ? WAITING : BODY
    if (this.keeps && this.phase === WAITING && this.head.upgrade === '') this.around.decisions.arrived?.(this, [])
    this.ask()
  }

  /** Its head, as an instance gets it. */
  headFor(instance: { readonly host: string; readonly port: number }): string {
    return requestHead(this, instance, this.around)
  }

  protected ask(): void {
    const endpoint = this.around.decisions.pick(this)
    const upstream = endpoint?.take()
    this.tries++
    if (endpoint === undefined || upstream === undefined) {
      this.failure ??= endpoint === undefined ? 'no instance is up' : 'all connections to the instance are in use'
      return this.answer(NOBODY)
    }
    this.upstream = upstream
    let held = upstream.ask(this, this.headFor(endpoint))
    for (const part of this.body.parts ?? []) held = upstream.outflow.write(part)
    this.hold(held)
    this.moved = false
    if (this.phase === BODY) this.#watchBody()
    else this.#awaitAnswer(this.#deadline || this.begun + this.timeout)
  }

  #awaitAnswer(deadline: number): void {
    this.#deadline = deadline
    this.lateAt(Math.min(deadline, this.time.clock.monotonic() + this.attemptTimeout))
  }

  #watchBody(): void {
    const { stallTimeout, requestTimeout } = this.around.limits
    this.lateAt(Math.min(this.time.clock.monotonic() + stallTimeout, this.begun + requestTimeout))
  }

  /** Reads on in the body; where it stopped. */
  protected readBody(bytes: Buffer, from: number, to: number): number {
    const { body } = this
    const end = body.read(bytes, from, to, this.#pass)
    if (typeof end === 'object') {
      this.refuse(end)
      return to
    }
    if (body.came > this.mostBody) {
      this.answer(tooLarge(this.mostBody))
      return to
    }
    if (body.ended() && this.phase === BODY) {
      this.phase = WAITING
      if (this.keeps) this.around.decisions.arrived?.(this, body.isWhole() ? body.parts : undefined)
      if (!this.replying) this.#awaitAnswer(this.time.clock.monotonic() + this.timeout)
    }
    return end
  }

  /** Reads on in a body that is waited for; where it stopped. */
  protected collect(bytes: Buffer, from: number, to: number): number {
    const end = this.body.read(bytes, from, to, () => {})
    if (typeof end === 'object') {
      this.refuse(end)
      return to
    }
    if (this.body.ended()) {
      const done = this.#wanted!
      this.#wanted = undefined
      done()
    }
    return end
  }

  readonly #pass = (part: Buffer): void => {
    if (this.replying) this.body.forget()
    if (this.upstream?.outflow.write(part) === true) this.hold(true)
  }

  failed(upstream: UpstreamConnection, failure: Failure): void {
    this.upstream = undefined
    this.hold(false)
    this.stopStages()
    const again = this.around.decisions.tried(this, upstream.endpoint, failure)
    if (this.phase === TUNNEL) return this.destroy()
    this.failure = `${upstream.endpoint.name}: ${failure.why}`
    // A part of an answer cannot be taken back: that it ends before its end says that it is one.
    if (this.replying && !this.withdraw()) return this.destroy()
    this.replying = false
    if (again && this.repeats()) return this.ask()
    this.answer(failure.kind === 'connect' ? NOBODY : UNANSWERED)
  }

  drained(): void {
    this.hold(false)
  }

  /** Whether all that was sent of the request can be sent again, and nothing of an answer was. */
  protected repeats(): boolean {
    return !this.told && this.body.isWhole()
  }

  protected giveUp(): void {
    const { upstream } = this
    this.upstream = undefined
    upstream?.cut()
    this.stopStages()
  }

  /** A request that is being sent, or waits for its answer, is late. */
  protected lateOnItsWay(): void {
    const { limits } = this.around
    if (this.phase === BODY) {
      if (this.time.clock.monotonic() - this.begun >= limits.requestTimeout)
        return this.#tooSlow(`it was not there within ${limits.requestTimeout} ms`)
      // Held back by whoever it goes to: that is his delay.
      if (!this.moved && this.held() && !this.replying) return this.#unanswered()
      if (!this.moved) return this.#tooSlow(`nothing came of it for ${limits.stallTimeout} ms`)
      this.moved = false
      return this.#watchBody()
    }
    if (!this.replying) return this.#stalled()
    this.lateUnlessMoved()
  }

  /** How long nothing may move of an answer, or of another protocol. */
  protected abstract stall(): number

  protected lateUnlessMoved(): void {
    if (!this.moved) return this.destroy()
    this.moved = false
    this.lateIn(this.stall())
  }

  #tooSlow(why: string): void {
    if (this.replying) return this.destroy()
    this.refuse({ status: 408, why })
  }

  /** Another one is asked, if that may be; else this one has the rest of the time. */
  #stalled(): void {
    const { upstream } = this
    if (upstream === undefined || this.time.clock.monotonic() >= this.#deadline) return this.#unanswered()
    const why = `it did not begin to answer within ${this.attemptTimeout} ms`
    const again = this.around.decisions.tried(this, upstream.endpoint, { kind: 'stalled', why })
    if (!again || !this.repeats()) return this.lateAt(this.#deadline)
    this.failure = `${upstream.endpoint.name}: ${why}`
    this.giveUp()
    this.ask()
  }

  #unanswered(): void {
    const endpoint = this.upstream?.endpoint
    this.giveUp()
    const why = `no answer within ${this.timeout} ms`
    this.failure = endpoint === undefined ? why : `${endpoint.name}: ${why}`
    if (endpoint !== undefined) this.around.decisions.tried(this, endpoint, { kind: 'late', why })
    this.answer(tooLate(this.timeout))
  }
}
