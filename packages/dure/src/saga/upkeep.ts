import type { Timer } from '../runtime/runtime.ts'
import type { ExtensionHost } from '../service/internal.ts'
import { LEASE, type SagaRecords } from './records.ts'

/** Milliseconds between looks at what other members leave, … */
const POLL = 2_000
/** … between renewals of leases, … */
const RENEW = LEASE / 3
/** … and between looks at those that wait for longer than was asked for, or for what is there. */
const CORRECT = 60_000

const ALONE = { isolated: false }

/** What is done again and again while a service runs. Answers what stops it. */
export async function keepUp(options: {
  readonly host: ExtensionHost
  readonly records: SagaRecords
  /** Ids of those in hand. */
  readonly held: () => readonly string[]
  /** Something may be due. */
  readonly look: () => void
}): Promise<() => void> {
  const { host, records, held, look } = options
  const { store, log } = host
  const { timers } = host.runtime
  const { member } = store
  const waiting: Timer[] = []
  let stopped = false

  const every = (ms: number, work: () => Promise<unknown>): void => {
    const at = waiting.length
    const next = (): void => {
      waiting[at] = timers.after(ms, () => {
        work()
          .catch((error: unknown) => log.warn('Cannot keep up what is known of sagas', { error }))
          .finally(() => void (stopped || next()))
      })
    }
    next()
  }
  const renew = async (): Promise<void> => {
    const ids = held()
    if (ids.length > 0) await store.transaction((tx) => records.renew(tx, member, ids), ALONE)
  }
  /** What members have that are no more is free at once. */
  const takeOver = async (): Promise<void> => {
    for (const owner of await records.owners(member))
      if (await store.gone!(owner)) await store.transaction((tx) => records.free(tx, owner), ALONE)
    look()
  }

  every(RENEW, renew)
  if (store.sharing === 'shared') {
    every(POLL, takeOver)
    every(CORRECT, () => store.transaction(records.correct, ALONE))
  } else {
    // Whoever had something before is no more, and clocks may have been set since.
    const free = 'UPDATE dure_sagas SET due_at = NOW WHERE owner <> ? AND due_at IS NOT NULL'
    await store.transaction((tx) => records.run(tx, free, [member]))
    await store.transaction(records.correct)
  }
  return () => {
    stopped = true
    for (const timer of waiting) timer.cancel()
  }
}
