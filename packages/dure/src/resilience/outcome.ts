import { CallError, DeclaredError, STATUSES } from '../contract/contract.ts'
import type { FunctionResilienceOptions } from './options.ts'
import { refusedBy } from './refusal.ts'

/** What a function came to. */
export type Settled<R> = { readonly value: R } | { readonly error: unknown }

/** What that says. */
export type Outcome = {
  /** Of the host. `unknown`: nothing. */
  readonly host: 'answered' | 'failed' | 'unknown'
  /** Of trying again: it may help a call that may be made twice; or any call, since this try did not arrive. */
  readonly again: 'never' | 'if repeatable' | 'always'
  /** Milliseconds that the host asks to be left alone for. */
  readonly after?: number | undefined
}

/** One call, as its arguments tell of it. */
export type Call<A> = {
  readonly host: string
  /** For messages, which go on in the past: `Request to "example.com"`. */
  readonly place: string
  readonly signal: AbortSignal | undefined
  readonly repeatable: boolean
  /** Whether the same arguments can be used again. */
  readonly lasting: boolean
  readonly withSignal: (signal: AbortSignal) => A
}

/** What there is to know about the calls of a function. */
export type Calls<A, R> = {
  /** Undefined when this is no call: the function says itself what is wrong. */
  readonly open: (args: A) => Call<A> | undefined
  readonly judge: (settled: Settled<R>) => Outcome
  /** What the caller is told of an error. */
  readonly explain: (error: unknown, call: Call<A>) => unknown
  /** Goes on after the answer has begun: `late` ends what is still being read. */
  readonly reading?: (value: R, controller: AbortController, late: () => CallError) => (() => void) | undefined
}

export const ANSWERED: Outcome = { host: 'answered', again: 'never' }
/** The caller's own mistake, or its own wish to end. */
export const CALLERS_OWN: Outcome = { host: 'unknown', again: 'never' }

/** What a CallError says, whoever threw it. */
export function outcomeOf({ code }: CallError): Outcome {
  if (code === 'RESOURCE_EXHAUSTED') return { host: 'answered', again: 'if repeatable' }
  return STATUSES[code]?.retryable === true ? { host: 'failed', again: 'if repeatable' } : ANSWERED
}

/** What an error says of whoever was called: limits on the way to it, and the caller's own end, say nothing. */
export type HostOutcome = Outcome['host']

/**
 * What an error says of whoever was called. A declared error is an answer; being refused by a limit, here or there, and being given
 * up by the caller say nothing; anything else that may be the callee's doing has failed.
 */
export function hostOutcomeOf(error: unknown): HostOutcome {
  if (error instanceof DeclaredError) return 'answered'
  if (refusedBy(error) !== undefined || saysNothing(error)) return 'unknown'
  if (error instanceof CallError) return outcomesByStatus[error.code] ?? 'answered'
  return (error as Error | undefined)?.name === 'AbortError' ? 'unknown' : 'failed'
}

/** Marks an error that says nothing of whoever was called, though it looks so: its caller had hardly left it any time. */
export function markSilent(error: CallError): void {
  Object.defineProperty(error, 'silent', { value: true, configurable: true })
}

function saysNothing(error: unknown): boolean {
  return error instanceof CallError && (error as { readonly silent?: boolean }).silent === true
}

const outcomesByStatus: Readonly<Partial<Record<string, HostOutcome>>> = {
  UNAVAILABLE: 'failed',
  DEADLINE_EXCEEDED: 'failed',
  INTERNAL: 'failed',
  UNKNOWN: 'failed',
  DATA_LOSS: 'failed',
  CANCELLED: 'unknown',
  RESOURCE_EXHAUSTED: 'unknown',
}

/** Calls of a function of any kind. */
export function functionCalls<A extends readonly unknown[], R>(
  options: FunctionResilienceOptions<A>,
  ownName: string,
): Calls<A, R> {
  const { name = ownName === '' ? 'a function' : ownName, retryable, withSignal, signalOf } = options
  return {
    open: (args) => {
      const host = options.host?.(...args) ?? name
      return {
        host,
        place: `Call of "${name}"${host === name ? '' : ` at "${host}"`}`,
        signal: signalOf?.(...args),
        repeatable: options.repeatable?.(...args) ?? false,
        lasting: true,
        withSignal: (signal) => withSignal?.(signal, ...args) ?? args,
      }
    },
    judge: (settled) => {
      if ('value' in settled) return ANSWERED
      const { error } = settled
      if (retryable !== undefined) return retryable(error) ? { host: 'failed', again: 'if repeatable' } : ANSWERED
      if (error instanceof CallError) return outcomeOf(error)
      if (error instanceof DeclaredError) return ANSWERED
      return (error as Error | undefined)?.name === 'AbortError' ? CALLERS_OWN : { host: 'failed', again: 'if repeatable' }
    },
    explain: (error) => error,
  }
}
