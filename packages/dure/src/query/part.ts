import type { CallContext } from '../call/call.ts'
import { Cancellation, type CancelListener } from '../call/internal.ts'
import { CallError, DeclaredError, type Status } from '../contract/contract.ts'
import { outward } from '../contract/internal.ts'
import { inTime } from '../runtime/internal.ts'
import type { Narrow } from '../service/internal.ts'
import { sizeOf } from './size.ts'

/** What the parts of one answer share. */
export type Round<Context> = {
  readonly narrow: Narrow
  readonly context: Context & { readonly clock: { readonly monotonic: () => number } }
  /** When the answer must be there. */
  readonly end: number
  /** Milliseconds for which a part is waited for when its clients have ended: they know why there is no answer. */
  readonly grace: number
  readonly over: Cancellation
  readonly answers: Record<string, unknown>
  /** Bytes that are left. */
  memory: number
}

/** Asks for one part; answers why it has no answer, undefined when it has. */
export async function askPart<Context extends CallContext>(
  round: Round<Context>,
  name: string,
  ask: (context: Context) => unknown,
  timeout: number,
): Promise<{ readonly error: unknown } | undefined> {
  const { narrow, context, over } = round
  const now = context.clock.monotonic()
  const deadline = Math.min(round.end, now + timeout)
  const cancellation = new Cancellation()
  const ended = Promise.withResolvers<never>()
  const follow: CancelListener = {
    onCancel: (reason) => {
      cancellation.cancel(reason)
      ended.reject(gone())
    },
  }
  const late = (): never => {
    throw new CallError('DEADLINE_EXCEEDED', `Part "${name}" had not answered after ${Math.round(deadline - now)} ms`)
  }
  let spent = 0
  const spend = (value: unknown): void => {
    const size = sizeOf(value, round.memory)
    if (size > round.memory)
      throw new CallError('RESOURCE_EXHAUSTED', `The answer of part "${name}" is larger than the ${round.memory} bytes left`)
    round.memory -= size
    spent += size
  }
  const work = async (): Promise<unknown> => {
    const answer = await ask(narrow.to({ deadline, cancellation }) as Context)
    if (!isStream(answer)) return answer
    const values: unknown[] = []
    for await (const value of answer) {
      // Whoever does not heed its signal goes on, and nobody is there to take it.
      if (cancellation.reason !== undefined) break
      spend(value)
      values.push(value)
    }
    return values
  }
  try {
    if (over.reason !== undefined) throw gone()
    if (deadline <= now) late()
    over.add(follow)
    const answer = await inTime(narrow.timers, deadline - now + round.grace, Promise.race([work(), ended.promise]), late)
    // The values of a stream were counted as they came.
    if (spent === 0) spend(answer)
    round.answers[name] = answer
    cancellation.over()
    return undefined
  } catch (error) {
    cancellation.cancel('deadline')
    round.memory += spent
    return { error }
  } finally {
    over.remove(follow)
  }
}

const isStream = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value

export function gone(): CallError {
  return new CallError('CANCELLED', 'Composing an answer was given up: it is not wanted any more')
}

/** Why a part is missing, for whoever reads the answer: a status, since words of a failure may tell of somebody's inside. */
export function whyOf(error: unknown): Status {
  if (error instanceof CallError) return outward(error).code
  return error instanceof DeclaredError ? error.status : 'INTERNAL'
}
