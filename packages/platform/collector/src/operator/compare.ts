/** Two traces, operation by operation. */
import type { SpanRecord } from '../record.ts'

type Counted = { spans: number; failed: number; duration: number }
export type OperationDifference = {
  readonly service: string
  readonly name: string
  readonly before: Counted
  readonly after: Counted
}

/** What each operation did in both, the largest difference of time first. */
export function comparedTraces(before: readonly SpanRecord[], after: readonly SpanRecord[]): OperationDifference[] {
  const all = new Map<string, OperationDifference>()
  const count = (spans: readonly SpanRecord[], side: 'before' | 'after'): void => {
    for (const { service, name, failed, duration } of spans) {
      const key = JSON.stringify([service, name])
      let found = all.get(key)
      if (found === undefined) all.set(key, (found = { service, name, before: none(), after: none() }))
      const counted = found[side]
      counted.spans++
      counted.failed += failed ? 1 : 0
      counted.duration += duration
    }
  }
  count(before, 'before')
  count(after, 'after')
  const size = (one: OperationDifference): number => Math.abs(one.after.duration - one.before.duration)
  return [...all.values()].toSorted((a, b) => size(b) - size(a))
}

const none = (): Counted => ({ spans: 0, failed: 0, duration: 0 })
