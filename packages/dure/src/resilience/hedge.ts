import type { Clock, DeadlineEntry } from '../runtime/runtime.ts'
import { checkNumbers, COUNT, WAIT } from '../runtime/internal.ts'
import { guardOf, realWorld, type Done, type Guard, type GuardedCall, type PolicyWorld, type Step } from './guard.ts'
import { createRetryBudget, type RetryBudget, type RetryBudgetPolicy } from './retry-budget.ts'
import { sharedDeadlines, type SharedDeadlines } from './shared-deadlines.ts'

export type HedgeOptions = {
  /** Milliseconds without an answer after which the call is made once more: about as long as nineteen calls in twenty take. */
  readonly after: number
  /** Times one call is under way at most, the first included. Default 2. */
  readonly most?: number
  /** What this may add to the load. Default: a tenth, and 1 a second. */
  readonly budget?: Partial<RetryBudgetPolicy>
  readonly world?: PolicyWorld
}

/**
 * Hedged requests (J. Dean, L. A. Barroso, "The Tail at Scale", 2013): a call that is late is made once more, the first answer counts, and
 * the signal of the others aborts. Only of calls that may be made twice. A call that fails before that is over; that is for `retry`.
 * @throws {TypeError} when a number cannot be used
 *
 * @example
 * ```ts
 * import { hedge } from 'dure/resilience'
 *
 * let calls = 0
 * const find = (): Promise<string> => (++calls === 1 ? new Promise(() => {}) : Promise.resolve('found'))
 * console.log(await hedge({ after: 20 }).run(find), calls) // → found 2
 * ```
 */
export function hedge(options: HedgeOptions): Guard {
  const { after, most = 2, world = realWorld() } = options
  checkNumbers('hedge calls', { after, most }, { after: WAIT, most: COUNT })
  const { clock } = world
  const deadlines = sharedDeadlines(world)
  const budget = createRetryBudget({ clock, policy: { ratio: 0.1, minimumPerSecond: 1, ...options.budget } })
  const wrap = (next: Step): Step => {
    const hedging: Hedging = { next, after, most, deadlines, clock, budget }
    return (call, done) => {
      budget.called(call.at)
      if (call.options.repeatable === false || most < 2) next(call, done)
      else new HedgedCall(hedging, call, done).begin()
    }
  }
  return guardOf([{ kind: 'hedge', world, wrap }])
}

type Hedging = Required<Pick<HedgeOptions, 'after' | 'most'>> & {
  readonly next: Step
  readonly deadlines: SharedDeadlines
  readonly clock: Clock
  readonly budget: RetryBudget
}

/** One call, and the same once more. */
class HedgedCall implements DeadlineEntry {
  at = 0
  previous: DeadlineEntry | undefined = undefined
  following: DeadlineEntry | undefined = undefined
  readonly #hedging: Hedging
  readonly #call: GuardedCall
  readonly #done: Done
  readonly #first: GuardedCall
  #others: GuardedCall[] | undefined = undefined
  #failed = 0
  #over = false

  constructor(hedging: Hedging, call: GuardedCall, done: Done) {
    this.#hedging = hedging
    this.#call = call
    this.#done = done
    this.#first = call.again(call.at)
  }

  begin(): void {
    this.#wait(this.#call.at)
    this.#make(this.#first)
  }

  /** It is late. */
  expire(): void {
    const { budget, most } = this.#hedging
    this.#hedging.deadlines.remove(this)
    if (this.#over || this.#call.ended || !budget.take()) return
    const now = this.#hedging.clock.monotonic()
    const one = this.#call.again(now)
    const others = (this.#others ??= [])
    others.push(one)
    if (others.length + 1 < most) this.#wait(now)
    this.#make(one)
  }

  #wait(from: number): void {
    this.#hedging.deadlines.add(this, from + this.#hedging.after)
  }

  #make(one: GuardedCall): void {
    this.#hedging.next(one, (ok, result) => this.#ended(one, ok, result))
  }

  #ended(one: GuardedCall, ok: boolean, result: unknown): void {
    const others = this.#others ?? NOBODY
    // Where one has failed another may still answer.
    if (this.#over || (!ok && ++this.#failed <= others.length)) return
    this.#over = true
    if (this.following !== undefined) this.#hedging.deadlines.remove(this)
    this.#done(ok, result)
    if (others.length > 0) for (const other of [this.#first, ...others]) if (other !== one) other.end(LATE)
  }
}

const NOBODY: readonly GuardedCall[] = []
const LATE = new DOMException('Another try of this call was answered first', 'AbortError')
