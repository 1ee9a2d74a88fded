import { guardOf, type Guard, type Part, type PolicyKind } from './guard.ts'

/** What stands before what, where only one order makes sense: `[outer, inner, why]`. */
const ORDER: readonly (readonly [outer: PolicyKind, inner: PolicyKind, why: string])[] = [
  ...each('fallback', ['cache', 'collapse', 'retry', 'hedge', 'breaker', 'rateLimit', 'limit', 'bulkhead'], (inner) => {
    return `a fallback answers for what goes on inside of it, and would never hear of what ${inner} refuses or gives up`
  }),
  ...each('fallback', ['timeout'], () => 'a fallback would never hear of calls that end at their time'),
  ...each('cache', ['collapse', 'retry', 'hedge', 'breaker', 'rateLimit', 'limit', 'bulkhead', 'timeout'], (inner) => {
    return `an answer that is kept is for when ${inner} lets nothing through, and it would not be looked for then`
  }),
  ...each('collapse', ['retry', 'hedge', 'breaker', 'rateLimit', 'limit', 'bulkhead'], (inner) => {
    return `calls that are one call pass ${inner} once, and would pass it each by itself`
  }),
  ...each('retry', ['hedge'], () => 'each try may be hedged, and a hedge would repeat all tries'),
  ...each('retry', ['breaker', 'rateLimit', 'limit', 'bulkhead'], (inner) => {
    return `${inner} has to see every try, and would take all tries of a call for one`
  }),
  ...each('hedge', ['breaker', 'rateLimit', 'limit', 'bulkhead'], (inner) => {
    return `${inner} has to see every one of the calls that are made, and would take them for one`
  }),
  ...each('breaker', ['rateLimit', 'limit', 'bulkhead'], (inner) => {
    return `${inner} would spend a place on calls that an open breaker does not make`
  }),
  ...each('rateLimit', ['limit', 'bulkhead'], (inner) => `${inner} would hold a place for calls that are refused`),
  ...each('timeout', ['limit', 'bulkhead'], (inner) => {
    return `the place at ${inner} would be free at the end of the time, while the function may still be at work`
  }),
]

function each(
  outer: PolicyKind,
  inners: readonly PolicyKind[],
  why: (inner: PolicyKind) => string,
): readonly (readonly [PolicyKind, PolicyKind, string])[] {
  return inners.map((inner) => [outer, inner, why(inner)] as const)
}

/**
 * Several policies as one, the outermost first: `fallback, cache, collapse, timeout (of all tries), retry, hedge, breaker, rateLimit, timeout
 * (of one try), limit, bulkhead`, of which any may be left out. An order that makes no sense is refused.
 * @throws {TypeError} saying which order, why, and the right one
 *
 * @example
 * ```ts
 * import { breaker, compose, fallback, retry, timeout } from 'dure/resilience'
 *
 * const guard = compose(
 *   fallback(() => 'nobody knows'),
 *   retry({ attempts: 2, backoff: { first: 1, max: 1 } }),
 *   breaker({ name: 'oracle' }),
 *   timeout({ ms: 1_000 }),
 * )
 * let asked = 0
 * const ask = guard.around(async (question: string): Promise<string> => {
 *   asked++
 *   throw new Error(`no answer to ${question}`)
 * })
 * console.log(await ask('why'), asked) // → nobody knows 2
 * try {
 *   compose(breaker(), retry())
 * } catch (error) {
 *   console.log((error as Error).message.slice(0, 43)) // → Cannot put retry inside of breaker: breaker
 * }
 * ```
 */
export function compose(...guards: readonly Guard[]): Guard {
  const parts = guards.flatMap((guard) => guard.parts)
  const wrong = wrongOrder(parts)
  if (wrong !== undefined) throw new TypeError(wrong)
  const worlds = new Set(parts.flatMap(({ world }) => world?.clock ?? []))
  if (worlds.size > 1)
    throw new TypeError('Cannot compose policies of several worlds, whose clocks differ; give the same "world" to each')
  return guardOf(parts)
}

/** Why parts in this order make no sense, in a sentence; undefined when they do. */
export function wrongOrder(parts: readonly Pick<Part, 'kind'>[]): string | undefined {
  const kinds = parts.map(({ kind }) => kind)
  for (const [at, kind] of kinds.entries()) {
    const again = kinds.lastIndexOf(kind)
    if (again !== at && kind !== 'timeout')
      return `Cannot use ${kind} twice: each counts for itself, and none of them would be right; leave one out`
  }
  if (kinds.filter((kind) => kind === 'timeout').length > 2)
    return 'Cannot use timeout more than twice: give one for all tries, before retry, and one for each try'
  for (const [outer, inner, why] of ORDER) {
    const first = kinds.indexOf(inner)
    const last = kinds.lastIndexOf(outer)
    if (first !== -1 && last !== -1 && first < last)
      return `Cannot put ${outer} inside of ${inner}: ${why}; give ${outer} before ${inner}`
  }
  const breaker = kinds.indexOf('breaker')
  if (breaker !== -1 && kinds.indexOf('timeout') !== -1 && kinds.lastIndexOf('timeout') < breaker)
    return 'Cannot put breaker inside of timeout alone: it would never hear of calls that end at their time; give timeout after breaker, or one more there'
  return undefined
}
