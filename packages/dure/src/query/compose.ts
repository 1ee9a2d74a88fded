import type { CallContext } from '../call/call.ts'
import { Cancellation, type CancelListener } from '../call/internal.ts'
import type { Status } from '../contract/contract.ts'
import { BYTES, checkNumbers, COUNT, WAIT, WAIT_OR_NONE } from '../runtime/internal.ts'
import { narrowing } from '../service/internal.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import { forEachLimited } from './limited.ts'
import { askPart, gone, whyOf, type Round } from './part.ts'

/** A part of an answer. */
export type Part<Context> = {
  /**
   * Asks for it; the clients of this context end in the time that the part has, and when it is not wanted any more. Values of a stream
   * are gathered, and counted as they come.
   */
  readonly ask: (context: Context) => unknown
  /** Milliseconds. Default: all that is left; where a fallback is to be made or parts follow in `next`, half of it. */
  readonly timeout?: number
  /** Stands in for it where it has no answer: a value or, made when it is needed, a function, which may fail as well. */
  readonly fallback?: unknown
  /** Without it there is no answer: what it throws is thrown. */
  readonly required?: true
}

type Parts<Context> = Readonly<Record<string, Part<Context>>>

export type ComposeOptions<Context, P extends Parts<Context>, Next extends Parts<Context>> = Bounds & {
  readonly parts: P
  /** Parts that are asked for once the others have been, and may use what these said. */
  readonly next?: (answers: Answers<P>) => Next
}

type Bounds = {
  /** Parts asked for at once. Default 8. */
  readonly concurrency?: number
  /** Bytes that all answers may have together, about; a part too large is missing. Default 8 MiB. */
  readonly memory?: number
  /** Milliseconds kept back from the caller's deadline for what comes after. Default a tenth of what is left, at most 100. */
  readonly margin?: number
}

type Making = (...args: never) => unknown
type IsCertain<One> = One extends { readonly required: true }
  ? true
  : One extends { readonly fallback: infer Fallback }
    ? Fallback extends Making
      ? false
      : true
    : false
type Certain<P> = { [K in keyof P]: IsCertain<P[K]> extends true ? K : never }[keyof P]
type AskedOf<One> = One extends { readonly ask: (...args: never) => infer Answer }
  ? Awaited<Answer> extends AsyncIterable<infer Each>
    ? Each[]
    : Awaited<Answer>
  : never
type AnswerOf<One> =
  | AskedOf<One>
  | (One extends { readonly fallback: infer Fallback }
      ? Fallback extends (...args: never) => infer Made
        ? Awaited<Made>
        : Fallback extends readonly (infer Each)[]
          ? Each[]
          : Fallback
      : never)
type Answers<P> = { readonly [K in Certain<P>]: AnswerOf<P[K]> } & {
  readonly [K in Exclude<keyof P, Certain<P>>]?: AnswerOf<P[K]>
}

/** Names of the parts that may be missing. */
type Missable<P> = { [K in keyof P]: P[K] extends { readonly required: true } ? never : K }[keyof P] & string
type Asked<P> = { readonly [K in keyof P]: AskedOf<P[K]> }

/** Where nothing follows and the answer is to be of some type, the compiler takes anything for what follows. */
type Following<Next> = string extends keyof Next ? (unknown extends AskedOf<Next[keyof Next]> ? {} : Next) : Next

/** A part that did not answer, and why: a status alone, so that no words of a service's inside get out. */
export type Missing<Name extends string = string> = { readonly part: Name; readonly why: Status }

/**
 * A whole answer, with what every part has said; or one that is not whole, with the parts that answered or have a fallback, and
 * those that did not answer, in the order in which they were given.
 */
export type Composed<P, Next = {}> =
  | (Asked<P> & Asked<Next> & { readonly whole: true; readonly missing: [] })
  | (Answers<P> & Answers<Next> & { readonly whole: false; readonly missing: Missing<Missable<P> | Missable<Next>>[] })

/**
 * Makes one answer from what several services say, inside the deadline of the call: a part that hangs, fails or is too large
 * is left out, or its fallback stands in; either way the answer is not `whole`, and `missing` names it. When the caller goes away, so do
 * all calls.
 * @throws {TypeError} when the context is not a handler's, or an option cannot be used
 * @throws what a part that is `required` throws, or {CallError} when the call was cancelled
 *
 * @example
 * ```ts
 * import { contract, query } from 'dure/contract'
 * import { compose } from 'dure/query'
 * import { service } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Id = z.object({ id: z.string() })
 * const Orders = contract('orders', {
 *   version: '1.0.0',
 *   owner: 'team-orders',
 *   operations: { of: query({ input: Id, output: z.array(z.string()) }) },
 * })
 * const Page = contract('page', {
 *   version: '1.0.0',
 *   owner: 'team-page',
 *   operations: { show: query({ input: Id, output: z.object({ orders: z.array(z.string()), whole: z.boolean() }) }) },
 * })
 * const page = service(Page, {
 *   needs: { orders: Orders },
 *   handlers: {
 *     show: ({ id }, context) =>
 *       compose(context, {
 *         parts: { orders: { ask: ({ orders }) => orders.of({ id }), timeout: 500, fallback: [] } },
 *       }),
 *   },
 * })
 * console.log(page.contract.name) // → page
 * ```
 */
export async function compose<
  Context extends CallContext & { readonly log: Logger; readonly clock: { readonly monotonic: () => number } },
  const P extends Parts<Context>,
  const Next extends Parts<Context> = {},
>(context: Context, options: ComposeOptions<Context, P, Next>): Promise<Composed<P, Following<Next>>> {
  checkNumbers<Bounds>('compose an answer', options, { concurrency: COUNT, memory: BYTES, margin: WAIT_OR_NONE })
  const narrow = narrowing(context)
  if (narrow === undefined)
    throw new TypeError('Cannot compose an answer: the context is not that of a handler; give the one that the handler received')
  const { parts, next, concurrency = 8, memory = 8 * 1024 * 1024 } = options
  const { deadline, cancellation: caller, clock, log } = context
  const left = deadline - clock.monotonic()
  const margin = Math.min(options.margin ?? Math.min(100, left / 10), Math.max(0, left))
  const end = deadline - margin
  const round: Round<Context> = {
    ...{ narrow, end, context, memory, answers: {}, over: new Cancellation() },
    // Deadlines of calls are told up to 10 ms late.
    grace: Math.min(20, margin / 2),
  }
  const missing = new Map<string, Status>()
  /** All parts, in their order. */
  const names: string[] = []
  const rest = (): number => end - clock.monotonic()
  const ask = async (some: Parts<Context>, timeout: () => number): Promise<void> => {
    for (const [name, part] of Object.entries(some)) checkPart(name, part, names)
    names.push(...Object.keys(some))
    await forEachLimited(Object.entries(some), concurrency, async ([name, part]) => {
      const { fallback } = part
      const made = typeof fallback === 'function' ? (fallback as Part<Context>['ask']) : undefined
      const failure = await askPart(round, name, part.ask, part.timeout ?? (made ? rest() / 2 : timeout()))
      if (failure === undefined) return
      if (part.required === true) throw failure.error
      missing.set(name, whyOf(failure.error))
      log.debug('A part of an answer is missing', { part: name, error: failure.error })
      const failed = made && (await askPart(round, name, made, rest()))
      if (failed !== undefined) log.debug('The fallback of a part is missing as well', { part: name, error: failed.error })
      else if (made === undefined && 'fallback' in part) round.answers[name] = fallback
    })
  }
  const all = async (): Promise<void> => {
    await ask(parts, next === undefined ? rest : () => rest() / 2)
    if (next !== undefined) await ask(next({ ...round.answers } as Answers<P>), rest)
  }
  const ear: CancelListener = { onCancel: (reason) => round.over.cancel(reason) }
  caller?.add(ear)
  try {
    await all()
  } finally {
    caller?.remove(ear)
    // After a failure others may be under way, and are not wanted any more.
    round.over.cancel('caller')
  }
  if (caller?.reason !== undefined) throw gone()
  const absent = names.flatMap((part) => (missing.has(part) ? [{ part, why: missing.get(part)! }] : []))
  return { ...round.answers, whole: absent.length === 0, missing: absent } as unknown as Composed<P, Following<Next>>
}

function checkPart(name: string, part: Part<never>, taken: readonly string[]): void {
  checkNumbers(`compose part "${name}"`, part, { timeout: WAIT })
  if (name === 'missing' || name === 'whole' || taken.includes(name))
    throw new TypeError(`Cannot compose part "${name}": there is one of that name already; call it something else`)
}
