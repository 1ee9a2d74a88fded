import { createAlarm } from '../runtime/internal.ts'
import { LEASE } from './records.ts'
import type { SagaWorld } from './world.ts'

/** Milliseconds between looks at whether others are gone, … */
const GONE = 2_000
/** … between renewals of leases, … */
const RENEW = LEASE / 3
/** … between releases of keys, … */
const RELEASE = 5_000
/** … between looks at those that wait for longer than was asked for, or for what is there, … */
const CORRECT = 60_000
/** … and between looks at what is old. */
const TIDY = 600_000
/** Rows removed at once. */
const BATCH = 500
/** Milliseconds for which an event is kept that nobody waits for yet, and a signal that nobody will hear any more. */
const MAIL = 24 * 3_600_000

export type Upkeep = { readonly stop: () => Promise<unknown> }

/** What is done again and again while a service runs. */
export async function keepUp(
  { host, records, keys, hands, sagas }: SagaWorld,
  { held }: { readonly held: () => readonly string[] },
): Promise<Upkeep> {
  const { store, log, runtime } = host
  const { member } = store
  const alone = <T>(work: Parameters<typeof store.transaction<T>>[0]): Promise<T> => store.transaction(work, { isolated: false })

  const every = (longest: number, work: () => Promise<unknown>) =>
    createAlarm({
      ...{ runtime, longest, next: async () => undefined },
      work: async () => void (await work()),
      failed: (error) => log.warn('Cannot keep up what is known of sagas', { error }),
    })
  const renew = async (): Promise<void> => {
    const ids = held()
    if (ids.length > 0) await alone((tx) => records.renew(tx, member, ids))
  }
  /** What members have that are no more is free at once. */
  const takeOver = async (): Promise<void> => {
    for (const owner of await records.owners(member))
      if (await store.gone!(owner)) {
        await alone((tx) => records.free(tx, owner))
        hands.look()
      }
  }
  const tidy = async (): Promise<void> => {
    while ((await alone((tx) => records.forgetMail(tx, MAIL, BATCH))) === BATCH);
    for (const { name, retention } of sagas.values())
      for (let after = 0, page = BATCH; page === BATCH;) {
        const old = await records.ended(name, { retention, after, limit: BATCH })
        page = old.length
        after = old.at(-1)?.endedAt ?? 0
        await alone((tx) => records.forget(tx, old))
      }
  }

  // Where one process has the store whoever had something before is no more.
  if (store.sharing === 'exclusive') {
    await alone((tx) => records.run(tx, 'UPDATE dure_sagas SET due_at = NOW WHERE owner <> ? AND due_at IS NOT NULL', [member]))
    await alone(records.correct)
  }
  const shared = store.sharing === 'shared' ? [every(GONE, takeOver), every(CORRECT, () => alone(records.correct))] : []
  const all = [...shared, every(RENEW, renew), every(RELEASE, keys.release), every(TIDY, tidy)]
  return { stop: () => Promise.all(all.map((one) => one.stop())) }
}
