import type { Store } from '../../data/data.ts'
import { UNPARTITIONED } from '../../data/internal.ts'
import type { Runtime, Timer } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import type { RunningReaction } from './reaction.ts'

/** Milliseconds between two looks; of work that others may have parked, one look in so many. */
const [EVERY, SELDOM] = [1_000, 5]

/**
 * Where other copies of the service write to the same store, a decision on a dead letter may be made through any of them. Only
 * its owner makes dead letters of a partition, so it learns of decisions by their number, which is one statement for all; and
 * asks nothing while it has none. Work of queues, which others may have parked as well, is looked at now and then.
 */
export function watchDecisions(options: {
  readonly store: Store
  readonly runtime: Runtime
  readonly log: Logger
  readonly group: string
  readonly reactions: readonly RunningReaction[]
}): { readonly stop: () => void } {
  const { store, runtime, log, group, reactions } = options
  let timer: Timer | undefined
  let stopped = store.sharing === 'exclusive'
  let looks = 0

  const look = async (): Promise<void> => {
    const known = reactions.flatMap((reaction) => reaction.letters().map((place) => ({ reaction, ...place })))
    const found = known.some(({ letters }) => letters > 0) ? await store.records.parked.letters() : []
    const lettersOf = (consumer: string, of: number): number =>
      found.find((one) => one.consumer === consumer && one.partition === of)?.letters ?? 0
    const seldom = ++looks % SELDOM === 0
    for (const { reaction, partition, letters } of known) {
      const decided = letters > 0 && letters !== lettersOf(reaction.consumer, partition)
      if (decided || (seldom && partition === UNPARTITIONED)) await reaction.reload(partition)
    }
  }

  const next = (): void => {
    if (stopped) return
    timer = runtime.timers.after(EVERY, () => {
      look()
        .catch((error: unknown) => log.warn('Cannot look for decisions on dead letters', { group, error }))
        .finally(next)
    })
  }
  next()
  return {
    stop: () => {
      stopped = true
      timer?.cancel()
    },
  }
}
