import { CallError, DeclaredError } from '../contract/contract.ts'
import { guardOf, type Done, type Guard, type Guarded, type GuardedCall, type Step } from './guard.ts'
import { hostOutcomeOf } from './outcome.ts'
import { refusedBy } from './refusal.ts'

export type FallbackOptions = {
  /** What is called, for messages. */
  readonly name?: string
  /** Whether it answers in place of this error. Default: of what failed or was refused, not of a declared error and not of a wrong call. */
  readonly when?: (error: unknown) => boolean
}

/**
 * An answer in place of one that did not come. `guard.answer` tells it apart: `from` is `fallback`. A fallback that throws fails the
 * call with a `CallError` of the first error's code, whose words and cause (an `AggregateError`) tell both.
 *
 * @example
 * ```ts
 * import { fallback } from 'dure/resilience'
 *
 * const guard = fallback(() => 1)
 * const down = async (): Promise<number> => {
 *   throw new Error('down')
 * }
 * console.log(await guard.run(down), await guard.answer(down)) // → 1 { value: 1, from: 'fallback' }
 * ```
 */
export function fallback<T>(instead: (error: unknown, call: Guarded) => Promise<T> | T, options: FallbackOptions = {}): Guard {
  const { name = 'a function', when = isMissing } = options
  const answer = async (error: unknown, call: GuardedCall, done: Done): Promise<void> => {
    let value: T
    try {
      if (!when(error)) return done(false, error)
      value = await instead(error, call)
    } catch (thrown) {
      return done(false, thrown === error ? error : bothErrors(name, error, thrown))
    }
    call.answeredBy('fallback')
    done(true, value)
  }
  const wrap =
    (next: Step): Step =>
    (call, done) =>
      next(call, (ok, result) => {
        if (ok || call.ended) done(ok, result)
        else void answer(result, call, done)
      })
  return guardOf([{ kind: 'fallback', world: undefined, wrap }])
}

/** There is no answer, for a reason that is not the caller's own. */
export function isMissing(error: unknown): boolean {
  if (error instanceof CallError && error.code === 'CANCELLED') return false
  return refusedBy(error) !== undefined || hostOutcomeOf(error) === 'failed' || codeOf(error) === 'RESOURCE_EXHAUSTED'
}

function codeOf(error: unknown): string | undefined {
  return error instanceof CallError ? error.code : undefined
}

function bothErrors(name: string, first: unknown, second: unknown): CallError {
  const told = (error: unknown): string => (error instanceof Error ? error.message : String(error))
  const words = `Call of "${name}" failed (${told(first)}), and so did its fallback (${told(second)})`
  const cause = new AggregateError([first, second], words)
  const code = first instanceof CallError ? first.code : first instanceof DeclaredError ? first.status : 'UNKNOWN'
  return new CallError(code, words, { cause, inside: true })
}
