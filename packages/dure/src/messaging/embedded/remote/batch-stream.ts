import type { Runtime } from '../../../runtime/runtime.ts'
import type { Batch, Batches } from './contract.ts'

/** Batches on their way to a client, as long as it listens. */
export type BatchStream = {
  readonly batches: AsyncIterable<Batches>
  /** There may be more to take. */
  readonly wake: () => void
  readonly finish: () => void
}

/** @param take what goes out next; @param ended told once, whoever ends it */
export function createBatchStream(runtime: Runtime, take: () => readonly Batch[], ended: () => void): BatchStream {
  let asked: ((result: IteratorResult<Batches>) => void) | undefined
  let over = false
  let scheduled = false
  const give = (): void => {
    scheduled = false
    if (asked === undefined || over) return
    const batches = take()
    if (batches.length === 0) return
    asked({ done: false, value: { batches } })
    asked = undefined
  }
  const finish = (): void => {
    if (over) return
    over = true
    ended()
    asked?.({ done: true, value: undefined })
  }
  const iterator: AsyncIterator<Batches> = {
    next: () =>
      new Promise((resolve) => {
        if (over) return resolve({ done: true, value: undefined })
        asked = resolve
        give()
      }),
    return: async () => {
      finish()
      return { done: true, value: undefined }
    },
  }
  return {
    batches: { [Symbol.asyncIterator]: () => iterator },
    finish,
    // What one turn brings goes out together.
    wake: () => {
      if (asked === undefined || scheduled) return
      scheduled = true
      runtime.timers.soon(give)
    },
  }
}
