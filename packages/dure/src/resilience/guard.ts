import type { CallError } from '../contract/contract.ts'
import { realRuntime, type Runtime } from '../runtime/runtime.ts'
import { hostOutcomeOf, type HostOutcome } from './outcome.ts'

/** What a policy is, and its place in an order. */
export type PolicyKind =
  | 'fallback'
  | 'cache'
  | 'collapse'
  | 'retry'
  | 'hedge'
  | 'breaker'
  | 'rateLimit'
  | 'timeout'
  | 'limit'
  | 'bulkhead'

/** Whom to shed first when there is not room for all: `low`. */
export type Priority = 'high' | 'normal' | 'low'

/** Who has answered: the function that was called, now or lately (`cache`); or, as it could not, a fallback or what it said before. */
export type AnsweredBy = 'callee' | 'cache' | 'fallback' | 'stale'

/** What a guarded function is told of its call. */
export type Guarded = {
  /** What was said of it as `about`. */
  readonly about: unknown
  /** Aborts when nobody waits for the answer any more. Made when it is asked for. */
  readonly signal: AbortSignal
}

/** What may be said of one call. */
export type RunOptions = {
  /** Ends the call: it rejects with the signal's reason, and so does the function's own signal. */
  readonly signal?: AbortSignal | undefined
  /** What is asked for: calls of one key share an answer (`collapse` and `cache` need it); by key a rate limit counts. */
  readonly key?: string | undefined
  /** Default `normal`. */
  readonly priority?: Priority | undefined
  /** Whether it may be made twice (`retry`, `hedge`). Default true: whoever puts them around a function says so by that. */
  readonly repeatable?: boolean | undefined
  /** Anything that the function, or a fallback, wants to know of it. */
  readonly about?: unknown
  /** When nobody waits any more, in monotonic milliseconds: nobody is let wait for a place for longer. */
  readonly deadline?: number | undefined
  /** The same as `signal`, made only when a policy asks for it; whoever gives it sees to it that the caller hears of its own end. */
  readonly ends?: (() => AbortSignal | undefined) | undefined
}

/** The same for all calls of a function. */
export type AroundOptions<A extends readonly unknown[]> = {
  readonly key?: (...args: A) => string
  readonly priority?: (...args: A) => Priority
  readonly repeatable?: (...args: A) => boolean
  /** The arguments with the signal in its place: `(signal, id) => [id, { signal }]`. Default: the function is not told of its end. */
  readonly withSignal?: (signal: AbortSignal, ...args: A) => readonly [...A]
}

/** A policy, or several in an order: around any asynchronous function. */
export type Guard = {
  readonly parts: readonly Part[]
  /** Calls `work`, or does not. */
  readonly run: <T>(work: (call: Guarded) => Promise<T> | T, options?: RunOptions) => Promise<T>
  /** The same, and who has answered. */
  readonly answer: <T>(
    work: (call: Guarded) => Promise<T> | T,
    options?: RunOptions,
  ) => Promise<{ readonly value: T; readonly from: AnsweredBy }>
  /** A function of the same signature. */
  readonly around: <F extends (...args: never[]) => Promise<unknown>>(work: F, options?: AroundOptions<Parameters<F>>) => F
}

/** What policies take of the world; another one for tests. Default: the real one. */
export type PolicyWorld = Pick<Runtime, 'clock' | 'timers' | 'random'>

/** How a call ended: with its value, or with what it failed with. Said once, perhaps before the step has returned. */
export type Done = (ok: boolean, result: unknown) => void

/** A call goes in, and `done` hears of its end. No promise is made between policies: there are two for a call, however many stand around it. */
export type Step = (call: GuardedCall, done: Done) => void

/** One policy: it lets calls in and hears how they went, or it stands around them. */
export type Part = {
  readonly kind: PolicyKind
  /** Whose time it goes by; undefined: it knows no time. */
  readonly world: PolicyWorld | undefined
} & ({ readonly admitter: Admitter } | { readonly wrap: (next: Step) => Step })

export type Admitter = {
  /** Why a call may not come in; undefined when it may. Whoever came in leaves. */
  readonly enter: (call: Entrant, now: number) => CallError | undefined | Promise<CallError | undefined>
  /** @param took milliseconds since it came in */
  readonly leave: (call: Entrant, outcome: HostOutcome, took: number, now: number) => void
}

/** What gates ask of a call, and note of it. */
export type Entrant = Pick<GuardedCall, 'options' | 'at' | 'waited' | 'breakerTurn' | 'ended'> & {
  readonly signal: AbortSignal | undefined
}

/** Gates beside each other, as one. */
export type Gates = {
  /** Why a call may not come in; undefined when it is inside. Its `at` is when it has come to them, and then when it is inside. */
  readonly enter: (call: Entrant) => CallError | undefined | Promise<CallError | undefined>
  /** @param began when it had come to them */
  readonly leave: (call: Entrant, outcome: HostOutcome, began: number, now: number) => void
}

/** One call on its way through policies; each try of it is a call of its own. */
export class GuardedCall implements Guarded {
  readonly work: (call: Guarded) => unknown
  readonly options: RunOptions
  readonly parent: GuardedCall | undefined
  /** When it came in, or came out of a wait for a place: monotonic milliseconds. The clock is looked at once for all policies. */
  at: number
  /** Of the first of its tries: who has answered in the end. */
  from: AnsweredBy = 'callee'
  /** Whether the function has been called. */
  begun = false
  /** Milliseconds it has waited for a place: nobody's doing but ours. */
  waited = 0
  /** Since which change of its breaker it is under way. */
  breakerTurn = 0
  #controller: AbortController | undefined = undefined
  #signal: AbortSignal | undefined = undefined
  #ended = false
  #reason: unknown = undefined

  constructor(work: (call: Guarded) => unknown, options: RunOptions, at: number, parent: GuardedCall | undefined) {
    this.work = work
    this.at = at
    this.options = options
    this.parent = parent
  }

  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      const own = (this.#controller = new AbortController())
      if (this.#ended) own.abort(this.#reason)
      const { signal, ends } = this.options
      const above = this.parent === undefined ? (signal ?? ends?.()) : this.parent.signal
      this.#signal = above === undefined ? own.signal : AbortSignal.any([own.signal, above])
    }
    return this.#signal
  }

  get about(): unknown {
    return this.options.about
  }

  /** Nobody waits for it. */
  get ended(): boolean {
    return this.#ended || (this.parent === undefined ? this.options.signal?.aborted === true : this.parent.ended)
  }

  end(reason: unknown): void {
    if (this.#ended) return
    this.#ended = true
    this.#reason = reason
    this.#controller?.abort(reason)
  }

  /** Another try. */
  again(at: number): GuardedCall {
    return new GuardedCall(this.work, this.options, at, this)
  }

  /** Tells that somebody else has answered. */
  answeredBy(from: AnsweredBy): void {
    this.from = from
    this.parent?.answeredBy(from)
  }
}

const NOTHING_SAID: RunOptions = {}

let world: PolicyWorld | undefined
/** The real world, one for all policies: what they share of it (a timer for all deadlines) is there once. */
export function realWorld(): PolicyWorld {
  return (world ??= realRuntime())
}

/** Parts in an order that makes sense, the outermost first. */
export function guardOf(parts: readonly Part[]): Guard {
  const step = wholeStepOf(parts)
  const { clock } = parts.find(({ world }) => world !== undefined)?.world ?? realWorld()
  const start = (call: GuardedCall): Promise<unknown> =>
    new Promise((resolve, reject) => step(call, (ok, result) => (ok ? resolve(result) : reject(result as Error))))
  return {
    parts,
    run: <T>(work: (call: Guarded) => Promise<T> | T, options: RunOptions = NOTHING_SAID) =>
      start(new GuardedCall(work, options, clock.monotonic(), undefined)) as Promise<T>,
    answer: <T>(work: (call: Guarded) => Promise<T> | T, options: RunOptions = NOTHING_SAID) => {
      const call = new GuardedCall(work, options, clock.monotonic(), undefined)
      return start(call).then((value) => ({ value: value as T, from: call.from }))
    },
    around: (<A extends readonly unknown[], T>(work: (...args: A) => Promise<T>, options: AroundOptions<A> = {}) => {
      const { key, priority, repeatable, withSignal } = options
      if (key === undefined) for (const { kind } of parts) if (kind === 'collapse' || kind === 'cache') throw keyMissing(kind)
      const says = key !== undefined || priority !== undefined || repeatable !== undefined
      return (...args: A): Promise<T> => {
        const said: RunOptions = says
          ? { key: key?.(...args), priority: priority?.(...args), repeatable: repeatable?.(...args) }
          : NOTHING_SAID
        const call = (guarded: Guarded): Promise<T> =>
          withSignal === undefined ? work(...args) : work(...withSignal(guarded.signal, ...args))
        return start(new GuardedCall(call, said, clock.monotonic(), undefined)) as Promise<T>
      }
    }) as Guard['around'],
  }
}

/** Without a key the answer to one question would be the answer to another. */
export function keyMissing(kind: 'collapse' | 'cache'): TypeError {
  return new TypeError(
    `Cannot ${kind === 'cache' ? 'cache answers of' : 'collapse'} calls that have no key; give "key", such as \`key: (id) => id\``,
  )
}

/** From where a call comes in to where it ends, also by its own signal. */
export function wholeStepOf(parts: readonly Part[]): Step {
  const step = stepOf(parts)
  return (call, done) => {
    const { signal } = call.options
    if (signal === undefined) step(call, done)
    else untilAborted(signal, call, step, done)
  }
}

function stepOf(parts: readonly Part[]): Step {
  let next: Step = begin
  let admitters: Admitter[] = []
  let clock = realWorld().clock
  const close = (): void => {
    if (admitters.length > 0) next = admitting(gatesOf(admitters, clock), next, clock)
    admitters = []
  }
  for (const part of parts.toReversed()) {
    if ('admitter' in part) {
      admitters.unshift(part.admitter)
      clock = part.world?.clock ?? clock
    } else {
      close()
      next = part.wrap(next)
    }
  }
  close()
  return next
}

/** A function that throws before it has made its promise has failed as well. */
function begin(call: GuardedCall, done: Done): void {
  for (let one: GuardedCall | undefined = call; one !== undefined; one = one.parent) one.begun = true
  let value: unknown
  try {
    value = call.work(call)
  } catch (error) {
    return done(false, error)
  }
  if (typeof (value as PromiseLike<unknown> | undefined)?.then !== 'function') return done(true, value)
  const answer = value instanceof Promise ? (value as Promise<unknown>) : Promise.resolve(value)
  answer.then(
    (answered) => done(true, answered),
    (error: unknown) => done(false, error),
  )
}

/** Says how it ended; what users gave for that may throw, and has failed the call then. */
export function finish(done: Done, work: () => unknown): void {
  let value: unknown
  try {
    value = work()
  } catch (error) {
    return done(false, error)
  }
  done(true, value)
}

/** Parts all of which are gates, as one; undefined when another one is among them. */
export function onlyGates(parts: readonly Part[]): Gates | undefined {
  const admitters = parts.flatMap((part) => ('admitter' in part ? [part.admitter] : []))
  const { clock } = parts.find(({ world }) => world !== undefined)?.world ?? realWorld()
  return admitters.length === parts.length ? gatesOf(admitters, clock) : undefined
}

function gatesOf(admitters: readonly Admitter[], { monotonic }: PolicyWorld['clock']): Gates {
  const count = admitters.length
  const leave = (call: Entrant, outcome: HostOutcome, began: number, now: number, inside: number): void => {
    for (let i = inside - 1; i >= 0; i--) admitters[i]!.leave(call, outcome, now - began, now)
  }
  /** From the admitter on that has something to wait for. */
  const enterSlowly = async (
    call: Entrant,
    from: number,
    first: Promise<CallError | undefined>,
  ): Promise<CallError | undefined> => {
    let entering: CallError | undefined | Promise<CallError | undefined> = first
    for (let i = from; ; entering = admitters[i]!.enter(call, monotonic())) {
      const refused: CallError | undefined = await entering
      if (refused !== undefined) {
        leave(call, 'unknown', call.at, monotonic(), i)
        return refused
      }
      if (++i === count) break
    }
    call.at = monotonic()
    return undefined
  }
  return {
    enter: (call) => {
      for (let i = 0; i < count; i++) {
        const refused = admitters[i]!.enter(call, call.at)
        if (refused === undefined) continue
        if (refused instanceof Promise) return enterSlowly(call, i, refused)
        leave(call, 'unknown', call.at, monotonic(), i)
        return refused
      }
      return undefined
    },
    leave: (call, outcome, began, now) => leave(call, outcome, began, now, count),
  }
}

/** Gates beside each other cost one look at the clock before a call and one after it. */
function admitting(gates: Gates, next: Step, { monotonic }: PolicyWorld['clock']): Step {
  const go = (call: GuardedCall, began: number, done: Done): void =>
    next(call, (ok, result) => {
      gates.leave(call, ok ? 'answered' : hostOutcomeOf(result), began, monotonic())
      done(ok, result)
    })
  return (call, done) => {
    const began = call.at
    const refused = gates.enter(call)
    if (refused === undefined) go(call, began, done)
    else if (refused instanceof Promise)
      void refused.then((error) => (error === undefined ? go(call, began, done) : done(false, error)))
    else done(false, refused)
  }
}

/** The caller hears of its own end at once, whatever the function makes of it. */
function untilAborted(signal: AbortSignal, call: GuardedCall, step: Step, done: Done): void {
  if (signal.aborted) return done(false, signal.reason)
  let over = false
  const end: Done = (ok, result) => {
    signal.removeEventListener('abort', abort)
    if (over) return
    over = true
    done(ok, result)
  }
  const abort = (): void => end(false, signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  step(call, end)
}
