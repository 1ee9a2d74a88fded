import { CallError } from '../../contract/contract.ts'
import type { Priority, RunOptions } from '../../resilience/resilience.ts'
import { hostOutcomeOf, markSilent, type Entrant, type Gates } from '../../resilience/internal.ts'
import type { Clock } from '../../runtime/runtime.ts'
import type { CallContext } from '../context.ts'
import { startCall, type Route, type Settle } from '../transport.ts'
import type { CallWindow } from './call-window.ts'

/** What all calls of an operation share around which nothing stands but gates. */
export type Gated = {
  readonly gates: Gates
  readonly priority: Priority | undefined
  readonly window: CallWindow
  readonly clock: Clock
}

/** Milliseconds a call must have had for its missed deadline to speak against the callee. */
const STALL_AFTER = 100

/** One of them, in one object: what gates ask of it, and who hears of its end. It makes no promise and no closure of its own. */
export class GatedCall implements Entrant, Settle {
  at: number
  waited = 0
  breakerTurn = 0
  readonly #shared: Gated
  readonly #context: CallContext
  readonly #to: Settle

  constructor(shared: Gated, context: CallContext, to: Settle) {
    this.at = context.sentAt
    this.#shared = shared
    this.#context = context
    this.#to = to
  }

  get options(): RunOptions {
    return { priority: this.#shared.priority, deadline: this.#context.deadline }
  }

  get signal(): AbortSignal | undefined {
    return this.#context.cancellation?.signal
  }

  /** Its caller hears of its own end from whoever carries the call. */
  get ended(): boolean {
    return false
  }

  start(route: Route, input: unknown): void {
    const { gates, window } = this.#shared
    window.begun()
    const refused = gates.enter(this)
    if (refused === undefined) this.#send(route, input)
    else if (refused instanceof Promise)
      void refused.then((error) => (error === undefined ? this.#send(route, input) : this.#refused(error)))
    else this.#refused(refused)
  }

  #send(route: Route, input: unknown): void {
    try {
      startCall(route, input, this.#context, this)
    } catch (error) {
      this.reject(error as Error)
    }
  }

  resolve(value: unknown): void {
    const { gates, window, clock } = this.#shared
    const { sentAt } = this.#context
    const now = clock.monotonic()
    gates.leave(this, 'answered', sentAt, now)
    window.answered('callee', sentAt, now)
    this.#to.resolve(value)
  }

  reject(error: Error): void {
    if (hasHardlyTime(this.#context)) noteSilence(error)
    const { gates, clock } = this.#shared
    gates.leave(this, hostOutcomeOf(error), this.#context.sentAt, clock.monotonic())
    this.#refused(error)
  }

  /** It has not come in, or is out again. */
  #refused(error: Error): void {
    const { window, clock } = this.#shared
    window.failed(error, this.#context.sentAt, clock.monotonic(), false)
    this.#to.reject(error)
  }
}

/** Whether a call has so little time that its end says nothing of the callee. */
export function hasHardlyTime({ deadline, sentAt }: CallContext): boolean {
  return deadline - sentAt < STALL_AFTER
}

export function noteSilence(error: unknown): void {
  if (error instanceof CallError && error.code === 'DEADLINE_EXCEEDED') markSilent(error)
}
