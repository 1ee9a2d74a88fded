import type { Outbox, OutboxMessage, OutboxOptions, StoreTransaction } from 'dure/data'
import { createDelivery, dataSize, RELAY_DEFAULTS, type OutboxRow } from 'dure/data/internal'
import { inTime, timeLeft } from 'dure/runtime/internal'
import type { Process } from '../kernel/kernel.ts'
import type { Attempt } from './attempt.ts'
import type { Mailbox } from './mailbox.ts'

/** Milliseconds between two looks at who delivers, and at what there is; a lease is renewed as often. */
const LOOK = 500
const BATCH = 256

/** The outbox of a member: whichever member has the lease delivers what all of them announce, in the order of commits. */
export function createRelay(
  { store: { service, records }, runtime, log, deliver, aside }: OutboxOptions,
  own: {
    readonly process: Process
    readonly mailbox: Mailbox
    readonly attemptOf: (tx: StoreTransaction) => Attempt
    /** A step at the server. */
    readonly ask: <T>(work: () => T | Promise<T>) => Promise<T>
  },
): Outbox {
  const { process, mailbox, attemptOf, ask } = own
  const { timers } = runtime
  const stopping = new AbortController()
  let waking = new AbortController()
  let leads = false
  const unwatch = mailbox.watch(() => waking.abort())

  const delivery = createDelivery<OutboxRow>({
    ...RELAY_DEFAULTS,
    ...{ name: service, runtime, log, deliver, aside },
    // Those that another has delivered since are gone.
    ours: (rows) => (mailbox.lead(process) ? rows.filter((row) => mailbox.rows().includes(row)) : []),
    more: () => mailbox.rows().length > BATCH,
    remove: async (tx, rows) =>
      void attemptOf(tx).joined.push({
        check: () => {
          if (!mailbox.lead(process)) throw new Error(`The outbox of service "${service}" is another member's by now`)
        },
        apply: () => mailbox.remove(new Set(rows.map(({ position }) => position))),
      }),
  })

  /** While a batch is on its way for long, the lease is renewed all the same. */
  const renewing = async (done: AbortSignal): Promise<void> => {
    while (!done.aborted) {
      await timers.sleep(LOOK, done)
      if (!done.aborted && !(await ask(() => mailbox.lead(process)))) return
    }
  }

  const turn = async (): Promise<void> => {
    const mine = await ask(() => mailbox.lead(process))
    // Others may have set messages aside meanwhile.
    if (mine && !leads) await aside?.reload()
    leads = mine
    const rows = mine ? mailbox.rows().slice(0, BATCH) : []
    if (rows.length === 0) {
      waking = new AbortController()
      return timers.sleep(LOOK, waking.signal)
    }
    const done = new AbortController()
    void renewing(done.signal)
    const { sent } = await delivery.deliver(rows, stopping.signal).finally(() => done.abort())
    await ask(() => void (mailbox.lead(process) && mailbox.remove(new Set(sent.map(({ position }) => position)))))
  }

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted)
      await turn().catch((error: unknown) => log.warn('The outbox could not be delivered', { error }))
  }
  const running = run()

  return {
    append: (tx, messages: readonly OutboxMessage[]) => {
      // Asked every time, because a transaction that is over refuses it.
      tx.beforeCommit(async () => {
        const rows = messages.map((message): OutboxRow => ({ position: mailbox.next(), message }))
        await records.outbox.append(tx, rows)
        attemptOf(tx).announced.push(...rows)
      })
    },
    depth: () => mailbox.rows().length,
    size: () => dataSize(mailbox.rows().map(({ message }) => message)),
    oldest: () => mailbox.rows()[0]?.message.time,
    flush: async () => ask(mailbox.emptied),
    stop: async ({ timeout = 5_000 } = {}) => {
      const left = timeLeft(runtime.clock, timeout)
      await inTime(timers, left(), mailbox.emptied(), () => {})
      stopping.abort()
      waking.abort()
      await inTime(timers, left(), running, () => {})
      unwatch()
      mailbox.leave(process)
    },
  }
}
