import type { DeadlineEntry, Deadlines } from '../../runtime/runtime.ts'
import type { CallContext } from '../context.ts'
import type { Grant } from './admission.ts'
import { clone } from './input-clone.ts'
import type { Member } from './member.ts'

/** What a stream needs of the way to its operation. */
export type StreamWay = {
  readonly deadlines: Deadlines
  /** Counts a first try. */
  begin(): void
  admit(context: CallContext, tried: readonly Member[]): Promise<Grant>
  open(grant: Grant, input: unknown, context: CallContext, incoming: AsyncIterable<unknown> | undefined): AsyncIterator<unknown>
  judge(grant: Grant, error: unknown, context: CallContext): void
  /** Resolves when it may be begun again, and throws `failure` when not. */
  again(failure: unknown, tried: Member[], context: CallContext): Promise<void>
}

/**
 * One stream or channel at one instance. Until the first value has arrived it may be begun again elsewhere (a channel while it surely
 * has not begun: its callee has read nothing of what its caller sends); from then on it is that
 * instance's stream, and fails with it. It holds its place there until it ends.
 */
export class RemoteStream implements AsyncIterator<unknown>, DeadlineEntry {
  at = 0
  previous: DeadlineEntry | undefined = undefined
  following: DeadlineEntry | undefined = undefined
  readonly #route: StreamWay
  readonly #input: unknown
  readonly #context: CallContext
  readonly #incoming: AsyncIterable<unknown> | undefined
  #grant: Grant | undefined = undefined
  #iterator: AsyncIterator<unknown> | undefined = undefined
  #opening: Promise<IteratorResult<unknown>> | undefined = undefined
  #judged = false
  #over = false

  constructor(route: StreamWay, input: unknown, context: CallContext, incoming: AsyncIterable<unknown> | undefined) {
    this.#route = route
    this.#input = input
    this.#context = context
    this.#incoming = incoming
  }

  async next(): Promise<IteratorResult<unknown>> {
    if (this.#over) return { done: true, value: undefined }
    try {
      const result = await (this.#opening === undefined ? (this.#opening = this.#first()) : this.#following())
      this.#judge(undefined)
      if (result.done === true) this.#end(undefined)
      return result
    } catch (error) {
      this.#end(error)
      throw error
    }
  }

  /** The caller has seen enough. */
  async return(): Promise<IteratorResult<unknown>> {
    const iterator = this.#iterator
    const open = !this.#over
    this.#over = true
    if (open && iterator !== undefined) {
      // The place is free at once, however long the other side takes to end.
      this.#leave()
      await iterator.return?.()
    }
    return { done: true, value: undefined }
  }

  async #first(): Promise<IteratorResult<unknown>> {
    const route = this.#route
    const tried: Member[] = []
    // It may be begun again later, and must be the same then.
    const input = clone(this.#input)
    let failure: unknown
    route.begin()
    for (;;) {
      if (failure !== undefined) await route.again(failure, tried, this.#context)
      const grant = await route.admit(this.#context, tried)
      this.#grant = grant
      this.#judged = false
      try {
        // Begun only now: the caller may have turned away while it waited.
        if (this.#over) {
          this.#leave()
          return { done: true, value: undefined }
        }
        route.deadlines.add(this, this.#context.deadline)
        this.#iterator = route.open(grant, input, this.#context, this.#incoming)
        return await this.#iterator.next()
      } catch (error) {
        this.#judge(error)
        this.#leave()
        failure = error
        tried.push(grant.member)
      }
    }
  }

  /** Whoever asks for several values at once asks for the second when the first is there. */
  async #following(): Promise<IteratorResult<unknown>> {
    const first = await this.#opening!
    if (first.done === true || this.#over) return { done: true, value: undefined }
    return this.#iterator!.next()
  }

  /** The peer ends the stream at its deadline; whoever never asks again would keep the place for ever. */
  expire(): void {
    this.#leave()
  }

  #end(error: unknown): void {
    this.#over = true
    this.#judge(error)
    this.#leave()
  }

  /** The first news speaks for or against the instance; a failure later on does as well. */
  #judge(error: unknown): void {
    if (this.#grant === undefined || (this.#judged && error === undefined)) return
    const probe = this.#grant.probe && !this.#judged
    this.#judged = true
    this.#route.judge({ member: this.#grant.member, probe }, error, this.#context)
  }

  #leave(): void {
    const grant = this.#grant
    if (grant === undefined) return
    this.#grant = undefined
    this.#route.deadlines.remove(this)
    // A probe that nobody waited for to the end has told nothing.
    if (grant.probe && !this.#judged) grant.member.health.probed('unknown')
    grant.member.slot.leave()
  }
}
