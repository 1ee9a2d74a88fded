import type { Runtime } from '../runtime/runtime.ts'
import type { BackoffPolicy } from '../runtime/internal.ts'
import type { EjectionPolicy } from './ejection.ts'
import type { HostState } from './hosts.ts'
import type { RetryBudgetPolicy } from './retry-budget.ts'

/** The signature of the platform's `fetch`. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** How calls of one function are kept from hanging, piling up and being repeated too often. What is not given has a default. */
export type ResilienceOptions = {
  /** Milliseconds a call has, its repetitions and pauses and, of `fetch`, the reading of its answer included. Default 10,000. */
  readonly timeout?: number
  /** Milliseconds one try has to answer, so that there is time for another. Default: all that is left. */
  readonly tryTimeout?: number
  /** Times one call is tried at most, the first included; 1: nothing is repeated. Default 3. */
  readonly attempts?: number
  /** Pauses before tries. `Retry-After` makes them longer. Default 50 to 2,000 milliseconds. */
  readonly backoff?: BackoffPolicy
  /** What repetitions may add to a host's load. */
  readonly budget?: Partial<RetryBudgetPolicy>
  /** Calls under way to one host at once. Default 100. */
  readonly concurrency?: number
  /** Calls that may wait for a place at one host. Default 100. */
  readonly queue?: number
  /** When a host is left out, and for how long. Here `share` is 1 by default: all hosts, and one that is alone, may be out. */
  readonly ejection?: Partial<EjectionPolicy>
  /** The world: another one for tests. Default: the real one. */
  readonly runtime?: Pick<Runtime, 'clock' | 'timers' | 'random'>
}

export type HttpResilienceOptions<F extends Fetch = Fetch> = ResilienceOptions & {
  /** The function is called and answers as `fetch` does. Default: whether it is the platform's own; say true of another. */
  readonly http?: boolean
  /**
   * Whether a request may be sent twice. Default: GET, HEAD, OPTIONS, TRACE, PUT and DELETE may. A request whose body is a
   * stream is never sent twice, and one that surely did not arrive always may be.
   */
  readonly repeatable?: (...args: Parameters<F>) => boolean
}

export type FunctionResilienceOptions<A extends readonly unknown[]> = ResilienceOptions & {
  /** What is called, for messages. Default: the function's name. */
  readonly name?: string
  /** Who answers a call: hosts fail, are full and are left out each by itself. Default: one for all calls. */
  readonly host?: (...args: A) => string
  /** Whether a call may be made twice. Default: none may. */
  readonly repeatable?: (...args: A) => boolean
  /**
   * Whether an error says that the host is in trouble, and not that the call was wrong. Default: every error, but for
   * `DeclaredError`s and `CallError`s of a status where trying again does not help.
   */
  readonly retryable?: (error: unknown) => boolean
  /**
   * The arguments with the signal of the try in its place: `(signal, id) => [id, { signal }]`. Default: the function is not
   * told that its time is over. Its caller is, and its place stays taken until it ends.
   */
  readonly withSignal?: (signal: AbortSignal, ...args: A) => A
  /** The caller's own signal, where the arguments have one. */
  readonly signalOf?: (...args: A) => AbortSignal | undefined
}

/** The options of `resilient(work)`: `fetch` knows what may be repeated and what an answer says; other functions have to be told. */
export type ResilientOptions<F extends (...args: never[]) => Promise<unknown>> = F extends Fetch
  ? HttpResilienceOptions<F>
  : FunctionResilienceOptions<Parameters<F>>

/** The same function, and how its hosts stand. */
export type Resilient<F> = F & {
  /** Each host that was called, the one called longest ago first. At most 1,000 are remembered. */
  readonly state: () => readonly HostState[]
}

/** The numbers, completed. */
export type Limits = Required<Pick<ResilienceOptions, 'timeout' | 'attempts' | 'concurrency' | 'queue'>> & {
  readonly tryTimeout?: number
}
