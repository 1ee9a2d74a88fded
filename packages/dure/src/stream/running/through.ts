import type { Message } from '../../contract/contract.ts'
import type { ParkedMessage } from '../../data/data.ts'
import type { ExtensionHost } from '../../service/internal.ts'
import type { Task } from '../task.ts'
import { messagesOf, type Entry, type Failed, type Failure, type HandedEntry, type SetAside } from './batch.ts'
import type { HandedRow } from './exchange-records.ts'
import type { Move } from './records.ts'
import type { State } from './state.ts'

/** What runs through and is committed together. */
export type Batch<E extends Entry | HandedEntry> = {
  readonly all: readonly E[]
  readonly run: (task: Task, entries: readonly E[]) => Failed | undefined
  /** What does not run through. */
  readonly asideOf: (failures: readonly Failure[]) => ReadonlyMap<Message, SetAside>
  /** Where its messages come from, by which those are known that come again. */
  readonly place?: string
  readonly move?: Move | undefined
  readonly failures?: Failure[]
  readonly tried?: readonly ParkedMessage[]
  /** What was taken of what others have handed on. */
  readonly taken?: readonly HandedRow[]
}

/** Until all that does not fail has run through together: what fails is set aside, and the rest begins from what is committed. */
export function createThrough(options: {
  readonly host: ExtensionHost
  readonly consumer: string
  readonly state: State
  readonly counted: { duplicates: number; dead: number }
}): <E extends Entry | HandedEntry>(batch: Batch<E>) => Promise<void> {
  const { host, consumer, state, counted } = options
  return async (batch) => {
    const { all, run, asideOf, place, move, failures = [], tried = [], taken = [] } = batch
    for (;;) {
      const own = await state.need()
      const aside = asideOf(failures)
      const entries = aside.size === 0 ? all : all.filter(({ message }) => !aside.has(message))
      const fresh = place === undefined ? entries : own.seen.fresh(place, entries)
      const failed = await own.run(() => run(own.task, fresh))
      const made = failed ?? (await messagesOf(host, own.out, fresh))
      if ('failed' in made) {
        state.drop()
        const message = fresh[made.failed]?.message
        // It is nobody's fault: time has passed, and what a window makes of it throws.
        if (message === undefined) throw made.error
        host.log.warn('A record was set aside, because an operator failed', { consumer, message: message.id, error: made.error })
        failures.push({ message, error: made.error })
        continue
      }
      if (place !== undefined) own.seen.note(place, fresh)
      const { messages } = made
      const moved = move && {
        ...move,
        records: fresh.length,
        newest: own.task.newest(move.assignment.topic, move.assignment.partition),
      }
      await state.write(own, { messages, move: moved, aside: [...aside.values()], tried, entries: fresh, taken })
      counted.duplicates += entries.length - fresh.length
      counted.dead += [...aside.values()].filter((one) => 'error' in one).length
      return
    }
  }
}
