import type { Status } from '../contract/contract.ts'
import { createHistogram, type Histogram } from '../telemetry/internal.ts'

/** Rate, errors and duration of one operation, in slots made once: recording allocates nothing. */
export type OperationMetrics = {
  readonly record: (ms: number, error: Error | undefined) => void
  readonly duration: Histogram
  /** Answers by code: `OK`, canonical statuses, and the contract's own error codes. */
  readonly codes: ReadonlyMap<string, number>
}

export function createOperationMetrics(): OperationMetrics {
  const duration = createHistogram()
  const codes = new Map<string, number>()
  let ok = 0
  return {
    record: (ms, error) => {
      duration.record(ms)
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
