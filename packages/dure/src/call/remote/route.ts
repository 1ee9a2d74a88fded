import type { Deadlines } from '../../runtime/runtime.ts'
import { backoff } from '../../runtime/internal.ts'
import { heeding } from '../cancellation.ts'
import type { CallContext } from '../context.ts'
import { promised, settleWith, startCall, type Route, type Settle, type Target } from '../transport.ts'
import { clone } from './input-clone.ts'
import type { Choice } from './choices.ts'
import type { Grant, Member } from './member.ts'
import { isUnchanged, fingerprintOf } from './fingerprint.ts'
import type { Pool } from './pool.ts'
import { remoteStream, type StreamWay } from './stream.ts'
import { isOutOfReach, isSafeToRepeat, isTurnedAway, isUnknownThere, outcomeOf } from './outcome.ts'

/** The way to one operation of a service, wherever its instances are. */
export class RemoteRoute implements Route, StreamWay {
  readonly target: Target
  readonly place: string
  readonly repeatable: boolean
  readonly #pool: Pool
  readonly #choice: Choice
  readonly #number: number

  /** @param number the operation's own within the pool */
  constructor(pool: Pool, target: Target, number: number) {
    this.#pool = pool
    this.#choice = pool.choiceOf(target.operation)
    this.#number = number
    this.target = target
    this.place = `${target.service}.${target.operation}`
    this.repeatable = target.repeatable === true
  }

  readonly call: Route['call'] = promised((input, context, to) => this.start(input, context, to))

  /** A call that goes well costs a choice, a counter and one object more than its way to the peer. */
  start(input: unknown, context: CallContext, to: Settle): void {
    const pool = this.#pool
    pool.budget().called(context.sentAt)
    const choice = this.#choice
    const { keyOf } = choice
    const key = keyOf === undefined ? undefined : keyOf(input, context)
    const member = pool.quickly(context.sentAt, choice, key)
    if (member === undefined) return settleWith(to, this.#persist(clone(input), context, [], undefined))
    if (member.lacks(this.#number)) {
      member.slot.leave()
      return settleWith(to, this.#persist(clone(input), context, [], undefined))
    }
    const notes = fingerprintOf(input)
    const sent = notes === undefined ? clone(input) : input
    const first = new FirstTry(this, { input: sent, notes, context, member, to })
    try {
      startCall(this.#routeTo(member), sent, context, first)
    } catch (error) {
      // A peer that throws instead of rejecting must not keep the place.
      this.settle({ member, probe: false, at: context.sentAt }, error, context)
      to.reject(error as Error)
    }
  }

  stream(input: unknown, context: CallContext, incoming?: AsyncIterable<unknown>): AsyncIterable<unknown> {
    return { [Symbol.asyncIterator]: () => remoteStream(this, input, context, incoming) }
  }

  #routeTo(member: Member): Route {
    return member.route(this.#number, this.target)
  }

  answered({ member, context }: FirstTry): void {
    const { took } = this.#choice.balancer
    if (took !== undefined) took(member, this.#pool.runtime.clock.monotonic() - context.sentAt)
    member.answered()
  }

  async failed({ input, notes, context, member }: FirstTry, error: unknown): Promise<unknown> {
    this.settle({ member, probe: false, at: context.sentAt }, error, context)
    if (!isSafeToRepeat(error, this.repeatable)) throw error
    // The object may have been changed since it was sent; then what to send again is not known any more.
    if (notes !== undefined && !isUnchanged(input, notes)) throw error
    return this.#persist(notes === undefined ? input : clone(input), context, [member], error)
  }

  /** Sends until there is an answer, or no more may be sent. `failure` is that of the last one tried. */
  #persist(input: unknown, context: CallContext, tried: Member[], failure: unknown): Promise<unknown> {
    return heeding(context, async () => {
      for (;;) {
        if (failure !== undefined) await this.again(failure, tried, context)
        const grant = await this.admit(input, context, tried)
        try {
          const value = await this.#routeTo(grant.member).call(input, context)
          this.settle(grant, undefined, context)
          return value
        } catch (error) {
          this.settle(grant, error, context)
          failure = error
          tried.push(grant.member)
        }
      }
    })
  }

  get deadlines(): Deadlines {
    return this.#pool.deadlines
  }

  begin(): void {
    this.#pool.budget().called()
  }

  admit(input: unknown, context: CallContext, tried: readonly Member[]): Promise<Grant> {
    const { place, repeatable } = this
    const choice = this.#choice
    const key = choice.keyOf?.(input, context)
    return this.#pool.admit({ place, repeatable, choice, key, context, tried: this.#avoided(tried) })
  }

  /** Who has had the call already, and who does not have the operation. */
  #avoided(tried: readonly Member[]): readonly Member[] {
    return [...tried, ...this.#pool.members().filter((member) => member.lacks(this.#number))]
  }

  open(grant: Grant, input: unknown, context: CallContext, incoming: AsyncIterable<unknown> | undefined): AsyncIterator<unknown> {
    return this.#routeTo(grant.member).stream(input, context, incoming)[Symbol.asyncIterator]()
  }

  /** A call has ended: its place is free, and the instance is judged by it. */
  settle(grant: Grant, error: unknown, context: CallContext): void {
    grant.member.slot.leave()
    this.judge(grant, error, context)
  }

  judge({ member, probe, at }: Grant, error: unknown, context: CallContext): void {
    if (isUnknownThere(error)) member.noteLack(this.#number)
    const { health } = member
    const { stallAfter } = this.#pool.policyOf(this.target.operation)
    const outcome = error === undefined ? 'answered' : outcomeOf(error, context, stallAfter)
    if (outcome === 'answered' || outcome === 'stalled')
      this.#choice.balancer.took?.(member, this.#pool.runtime.clock.monotonic() - at)
    if (probe) health.probed(outcome === 'stalled' ? 'failed' : outcome)
    else if (outcome === 'answered') member.succeeded()
    else if (outcome === 'failed') health.failed()
    else if (outcome === 'stalled') health.stalled(context.deadline - at >= stallAfter && member.isSilentSince(at))
  }

  /**
   * Resolves when the call may be sent again: at once to somebody else, after a wait to somebody tried before. What has
   * not left this process, because its peer is not connected, was no try and is no load: it is taken out of `tried`.
   * @throws `failure` when it must not, or when there is no time left for it
   */
  async again(failure: unknown, tried: Member[], context: CallContext): Promise<void> {
    const { policyOf, runtime, hasOther, counts, linger } = this.#pool
    const policy = policyOf(this.target.operation)
    if (!isSafeToRepeat(failure, this.repeatable) || context.cancellation?.reason !== undefined) throw failure
    if (isOutOfReach(failure, tried.at(-1)!)) {
      tried.pop()
      return hasOther(tried) ? undefined : linger(failure, context)
    }
    if (tried.length >= policy.attempts || (isTurnedAway(failure) && !hasOther(this.#avoided(tried)))) throw failure
    const now = runtime.clock.monotonic()
    const delay = hasOther(tried) ? 0 : backoff(policy.backoff, tried.length, runtime.random)
    if (now + delay >= context.deadline || !this.#pool.budget().take(now)) throw failure
    counts.retries++
    if (delay > 0) await runtime.timers.sleep(delay, context.cancellation?.signal)
  }
}

/** A call at the instance that was chosen first. Hardly any has a second. */
class FirstTry implements Settle {
  readonly input: unknown
  readonly notes: readonly unknown[] | undefined
  readonly context: CallContext
  readonly member: Member
  readonly to: Settle
  readonly #route: RemoteRoute

  constructor(route: RemoteRoute, tried: Pick<FirstTry, 'input' | 'notes' | 'context' | 'member' | 'to'>) {
    this.input = tried.input
    this.notes = tried.notes
    this.context = tried.context
    this.member = tried.member
    this.to = tried.to
    this.#route = route
  }

  resolve(value: unknown): void {
    this.#route.answered(this)
    this.to.resolve(value)
  }

  reject(error: Error): void {
    settleWith(this.to, this.#route.failed(this, error))
  }
}
