import type { Timers } from 'dure/runtime'
import { service, type Service } from 'dure/service'
import { TransactionMark } from '../mark.ts'
import { momentOf } from '../moment.ts'
import { observedCheckout } from './checkout.ts'
import { Audit } from './contract.ts'
import { appendMark, deleteMarks, markTotals, marksAfter, marksOf, type MarkRow } from './store/marks.ts'
import { auditDatabase } from './store/tables.ts'

/** Marks read at once for a stream. */
const BATCH = 500
/**
 * The log of transactions that have ended.
 * @param pause milliseconds between two looks when nothing is new
 * @param observes whether it also follows checkouts from event to event
 */
export function audit(timers: Timers, pause = 10, observes = false): Service<typeof Audit> {
  return service(Audit, {
    database: auditDatabase,
    extensions: observes ? [observedCheckout] : [],
    handlers: {
      marks: async function* ({ after }, { database, signal }) {
        for (let last = after; !signal.aborted;) {
          const rows = await marksAfter(database.read, last, BATCH)
          for (const row of rows) yield viewOf(row)
          last = rows.at(-1)?.position ?? last
          if (rows.length < BATCH) await timers.sleep(pause, signal)
        }
      },
      list: async ({ after, limit }, { database }) => {
        const items = (await marksAfter(database.read, after, limit)).map(viewOf)
        return items.length < limit ? { items } : { items, next: items.at(-1)?.position }
      },
      ofTransaction: async ({ tid }, { database }) => (await marksOf(database.read, tid)).map(viewOf),
      totals: (_input, { database }) => database.snapshot(markTotals),
      reset: (_input, { database }) => database.transaction(deleteMarks),
      cleanup: (_input, { database }) => database.transaction(deleteMarks),
    },
    subscriptions: ({ on }) => [on(TransactionMark, ({ data, time }, { tx }) => appendMark(tx, data, time))],
  })
}

function viewOf({ position, tid, type, actor_id: actorId, status, source, time }: MarkRow) {
  return { position, tid, type, actorId, status, source, time: momentOf(time) }
}
