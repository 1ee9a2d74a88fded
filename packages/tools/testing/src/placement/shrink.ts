import type fc from 'fast-check'
import { compare, type Comparison } from './comparison.ts'
import type { Placement } from './copies.ts'
import type { Difference } from './difference.ts'
import type { Outcome } from './outcome.ts'
import type { Made, Step } from './plan.ts'

type Shown = {
  readonly difference: Difference
  readonly steps: readonly Step[]
  readonly together: Outcome
  readonly other: Outcome
}

/**
 * Makes a difference as small as it can be: first fewer calls, each attempt on fresh copies; then smaller inputs, the
 * way fast-check makes them smaller. Undefined when it does not happen again from a fresh start.
 */
export async function smallest(options: {
  readonly comparison: Comparison
  readonly placement: Placement
  /** All calls since a fresh start; the last one was answered differently. */
  readonly history: readonly Made[]
  readonly attempts: number
  readonly varying: ReadonlySet<string>
}): Promise<Shown | undefined> {
  const { comparison, placement, history, varying } = options
  let attempts = options.attempts
  let starts = placement.starts ?? Infinity

  const fresh = async (steps: readonly Step[]): Promise<Shown | undefined> => {
    attempts--
    starts--
    const pair = await comparison.pair(placement)
    try {
      for (const [at, step] of steps.entries()) {
        const [left, right] = await pair.ask(step)
        const difference = compare(left, right, varying)
        if (difference !== undefined) return { difference, steps: steps.slice(0, at + 1), together: left, other: right }
      }
      return undefined
    } finally {
      await pair.stop()
    }
  }
  const stepsOf = (made: readonly Made[]): Step[] => made.map(({ value }) => value.value)

  // Most differences need no history.
  let remaining = history.slice(-1)
  let shown = await fresh(stepsOf(remaining))
  if (shown === undefined) {
    remaining = [...history]
    shown = await fresh(stepsOf(remaining))
    if (shown === undefined) return undefined
    remaining = remaining.slice(0, shown.steps.length)
    for (
      let size = Math.ceil(remaining.length / 2);
      size >= 1 && attempts > 0 && starts > 0;
      size = size === 1 ? 0 : Math.ceil(size / 2)
    ) {
      for (let from = Math.max(0, remaining.length - 1 - size); attempts > 0 && starts > 0; from -= size) {
        const start = Math.max(0, from)
        const fewer = [...remaining.slice(0, start), ...remaining.slice(Math.min(start + size, remaining.length - 1))]
        const found = fewer.length < remaining.length ? await fresh(stepsOf(fewer)) : undefined
        if (found !== undefined) {
          remaining = fewer.slice(0, found.steps.length)
          shown = found
        }
        if (start === 0) break
      }
    }
  }

  // One call without a history leaves little behind, so all attempts at it can use the same two copies.
  const warm = remaining.length === 1 ? await comparison.pair(placement) : undefined
  const differs = async (made: readonly Made[]): Promise<boolean> => {
    if (warm === undefined) return (await fresh(stepsOf(made))) !== undefined
    attempts--
    const [left, right] = await warm.ask(made[0]!.value.value)
    return compare(left, right, varying) !== undefined
  }
  try {
    for (let at = remaining.length - 1; at >= 0; at--) {
      for (let smaller = true; smaller;) {
        smaller = false
        const { arbitrary, value } = remaining[at]!
        for (const candidate of arbitrary.shrink(value.value_, value.context)) {
          if (attempts <= 0 || (warm === undefined && starts <= 0)) break
          const attempt = remaining.with(at, { arbitrary, value: candidate as fc.Value<Step> })
          if (!(await differs(attempt))) continue
          remaining = attempt
          smaller = true
          break
        }
      }
    }
  } finally {
    await warm?.stop()
  }
  return (await fresh(stepsOf(remaining))) ?? shown
}
