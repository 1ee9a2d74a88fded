import type { Message } from '../../contract/contract.ts'
import type { ParkedMessage, SqlTransaction } from '../../data/data.ts'
import { errorText, letterGroupOf, parkedOf } from '../../messaging/internal.ts'
import { retryPolicy, type Assignment } from '../../messaging/messaging.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { ExtensionHost } from '../../service/internal.ts'
import type { HeldCells } from '../cells.ts'
import { measure, takeChanges } from '../residence.ts'
import type { SetAside } from './batch.ts'
import type { Move, StateChange, StreamRecords } from './records.ts'
import { textOfState } from './state-text.ts'

/** What becomes durable together, or not at all. */
export type Commit = {
  readonly task: number
  readonly parts: readonly { readonly part: string; readonly held: HeldCells<unknown> }[]
  readonly messages: readonly Message[]
  /** Undefined where nothing was read: then all these assignments must still be there. */
  readonly move: Move | undefined
  readonly assignments: readonly Assignment[]
  readonly aside: readonly SetAside[]
  /** Dead letters that were run through once more. */
  readonly tried: readonly ParkedMessage[]
  /** What it says of its time, and to others; `must`: though nothing else is written. */
  readonly also: { readonly must: boolean; readonly write: (tx: SqlTransaction) => Promise<void> }
}

/** Milliseconds for the commit of a batch. */
const COMMIT = 60_000

/**
 * State, position, outputs and dead letters, in one transaction of the service's store.
 * @throws {FencedError} when a partition is another member's by now
 */
export async function commit(
  { store, outbox, runtime }: ExtensionHost,
  { consumer, records }: { readonly consumer: string; readonly records: StreamRecords },
  { task, parts, messages, move, assignments, aside, tried, also }: Commit,
): Promise<void> {
  const { parked } = store.records
  const changes = parts.flatMap(changesOf)
  if (move === undefined && changes.length === 0 && messages.length === 0 && tried.length === 0 && !also.must) return
  const added =
    tried.length > 0 ? [] : aside.map((one) => addedOf(one, { consumer, partition: placeOf(move, assignments), runtime }))
  await store.transaction(
    async (tx) => {
      if (move !== undefined) await records.move(tx, move)
      else for (const assignment of assignments) await records.check(tx, assignment)
      await records.write(tx, task, changes)
      await also.write(tx)
      if (added.length > 0) await parked.add(tx, added, undefined)
      for (const one of tried) {
        const its = { consumer, messageId: one.message.id, revision: one.revision, fence: undefined }
        const failure = aside.find(({ message }) => message.id === one.message.id)
        const noted =
          failure === undefined || !('error' in failure)
            ? await parked.finish(tx, its)
            : await parked.fail(tx, { ...its, ...againOf(one, failure.error, { consumer, runtime }) })
        if (!noted) throw new Error(`Trying dead letter "${one.letter}" again failed: it was changed meanwhile`)
      }
      if (messages.length > 0)
        outbox.append(
          tx,
          messages.map((message) => ({ ...message, destination: 'topic' as const })),
        )
    },
    { isolated: false, timeout: COMMIT },
  )
}

/** As they are written; what is written is measured. */
function changesOf({ part, held }: Commit['parts'][number]): readonly StateChange[] {
  const { dropped, cells } = takeChanges(held)
  const changes: StateChange[] = dropped.map((at) => ({ part, at }))
  for (const cell of cells) {
    const { key, at, value } = cell
    const text = value === undefined ? undefined : textOfState(value)
    if (text !== undefined) measure(held, cell, text.length)
    changes.push({ part, at, key, text })
  }
  return changes
}

const placeOf = (move: Move | undefined, [first]: readonly Assignment[]): number => (move?.assignment ?? first)!.partition

type Who = { readonly consumer: string; readonly runtime: Runtime }

/** One that holds nothing has a key of its own. */
function addedOf(one: SetAside, { consumer, runtime, partition }: Who & { readonly partition: number }): ParkedMessage {
  const { message } = one
  const of = { consumer, partition, retry: retryPolicy(), runtime }
  if ('behind' in one) return parkedOf({ message, key: one.behind, behind: true }, { ...of, dead: false })
  return parkedOf({ message, key: one.holds ?? message.id, failure: one.error }, { ...of, dead: true })
}

function againOf({ started, crashes, message }: ParkedMessage, error: unknown, { consumer, runtime }: Who) {
  const text = errorText(error)
  const group = letterGroupOf({ consumer, topic: message.type, error: text })
  return { started: started + 1, crashes, wait: 0, error: text, group, state: 'dead' as const, at: runtime.clock.now() }
}
