import type { Status } from '../contract/contract.ts'
import type { Clock } from '../runtime/runtime.ts'
import { createHistogram, type Histogram } from '../telemetry/internal.ts'

/** Rate, errors and duration of one operation, in slots made once: recording allocates nothing. */
export type OperationMetrics = {
  /** `traceparent`: of a call whose trace is kept. */
  readonly record: (ms: number, error: Error | undefined, traceparent?: string) => void
  readonly duration: Histogram
  /** Answers by code: `OK`, canonical statuses, and the contract's own error codes. */
  readonly codes: ReadonlyMap<string, number>
}

/** @param clock says when exemplars were; without one none are kept */
export function createOperationMetrics(clock?: Pick<Clock, 'now'>): OperationMetrics {
  const duration = createHistogram(clock)
  const codes = new Map<string, number>()
  let ok = 0
  return {
    record: (ms, error, traceparent) => {
      duration.record(ms, traceparent)
      if (error === undefined) {
        ok++
        return
      }
      const code = (error as { code?: Status | string }).code ?? 'UNKNOWN'
      codes.set(code, (codes.get(code) ?? 0) + 1)
    },
    duration,
    get codes() {
      return new Map([['OK', ok], ...codes])
    },
  }
}
