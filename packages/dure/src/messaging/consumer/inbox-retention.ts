import { CallError, type AnyEvent } from '../../contract/contract.ts'
import type { Inbox, Store, StoreTransaction } from '../../data/data.ts'
import type { Broker } from '../broker.ts'

/**
 * Refuses an inbox that would forget a message while the broker may still bring it.
 * A mark is made after its message has reached the broker, so one that is kept for longer than the broker keeps messages
 * outlives every other delivery. A dead letter may be retried after any time: it has had no effect, so there is no
 * mark to forget.
 * @throws {CallError} FAILED_PRECONDITION saying both figures
 */
export async function checkRetention(options: {
  readonly broker: Pick<Broker, 'name' | 'retention'>
  readonly inbox: Inbox
  readonly group: string
  readonly reactions: readonly { readonly kind: 'topic' | 'queue'; readonly event: AnyEvent; readonly name: string }[]
}): Promise<void> {
  const { broker, inbox, group, reactions } = options
  for (const { kind, event, name } of reactions) {
    if (kind === 'queue') continue
    const kept = await broker.retention(event.topic)
    if (inbox.retention > kept || inbox.retention === Infinity) continue
    throw new CallError(
      'FAILED_PRECONDITION',
      `Cannot start consumer "${group}/${name}": its inbox remembers messages for ${daysOf(inbox.retention)}, and broker "${broker.name}" ` +
        `may bring those of topic "${event.topic}" again for ${daysOf(kept)}; what comes after its mark is forgotten would have its ` +
        'effect twice. Have the inbox remember for longer, or the topic keep less',
    )
  }
}

/**
 * Where many write at once, a walk through the marks would cross whoever marks there: so it has a transaction of its own,
 * after theirs. A mark is never changed, so what is old at the look is old when it is removed. One step at a time, so
 * that nothing piles up; what it leaves is met again.
 */
export function tidyApart(store: Store): (tx: StoreTransaction, step: (tx: StoreTransaction) => Promise<void>) => void {
  let under = false
  const done = (): void => void (under = false)
  return (tx, step) =>
    tx.onCommit(() => {
      if (under) return
      under = true
      store.transaction(step, { isolated: false }).then(done, done)
    })
}

function daysOf(ms: number): string {
  if (ms === Infinity) return 'ever'
  const days = ms / 86_400_000
  return days >= 1 ? `${Number(days.toFixed(2))} days` : `${Number((ms / 3_600_000).toFixed(2))} hours`
}
