import { CallError, type AnyEvent } from '../../contract/contract.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { Broker } from '../broker.ts'
import { BROKER_NUMBERS, checkOptions } from '../limits.ts'
import { readAudit, type AuditFilter, type Deed } from './audit.ts'
import type { After, DeadLetter, DeadLetterChange, DeadLetterDetail, DeadLetterFilter, DeadLetterGroup } from './letter.ts'
import { parkedLetters } from './parked-letters.ts'
import { outboxOf } from '../parked/parked.ts'
import type { LetterStore } from '../parked/parked.ts'
import type { Place } from './place.ts'
import { inOrder, workLetters } from './work-letters.ts'

export type { AuditFilter } from './audit.ts'
export type { DeadLetter, DeadLetterChange, DeadLetterDetail, DeadLetterFilter, DeadLetterGroup, MessageHead } from './letter.ts'

/**
 * One service's dead letters, for people: events that wait beside its data, and work that died in its queues. Looked at
 * one by one and in groups, retried, edited, discarded; every change leaves an entry in the audit.
 */
export type DeadLetters = {
  /** Those that failed alike. Most first. */
  readonly groups: (filter?: DeadLetterFilter) => Promise<readonly DeadLetterGroup[]>
  /** A page, in order of the last failure: at most `limit` (default 100, at most 1,000), after the last one of the page before. */
  readonly list: (filter?: DeadLetterFilter & Page) => Promise<readonly DeadLetter[]>
  /**
   * All of one, by its id (or how that begins: 4 characters at least), or by the id of its message.
   * @throws {CallError} NOT_FOUND, or INVALID_ARGUMENT when there are several
   */
  readonly show: (id: string) => Promise<DeadLetterDetail>
  /** Gives them a fresh set of attempts, in order of their keys; answers how many. */
  readonly retry: (filter?: DeadLetterFilter, by?: string) => Promise<number>
  /**
   * Takes them out for good; what waits behind them goes on. Answers how many.
   * @throws {CallError} INVALID_ARGUMENT without a reason
   */
  readonly discard: (filter: DeadLetterFilter, reason: string, by?: string) => Promise<number>
  /**
   * Replaces the data (JSON text) of one; it stays dead until it is retried, under the same id. The original is in the audit.
   * @throws {CallError} INVALID_ARGUMENT when its consumer could not read these data, when they belong to another key, or
   * without a reason; NOT_FOUND when there is no such dead letter
   */
  readonly edit: (id: string, data: string, reason: string, by?: string) => Promise<void>
  /** What was done, latest first; entries are kept for 400 days. */
  readonly audit: (filter?: AuditFilter) => Promise<readonly DeadLetterChange[]>
}

export type Page = {
  readonly limit?: number | undefined
  readonly after?: After | undefined
}

export type DeadLettersOptions = {
  readonly store: LetterStore
  readonly runtime: Runtime
  /** What the service publishes and sends, by which edits of its outbox are judged, … */
  readonly events?: readonly AnyEvent[]
  /** … and its reactions; without them an edit need only be JSON. */
  readonly reactions?: readonly { readonly kind: 'topic' | 'queue'; readonly consumer: string; readonly event: AnyEvent }[]
  /** Where its queues are; without it only events are seen. */
  readonly broker?: Broker
  /** Told after every change, so that a consumer in this process looks at its table again. */
  readonly changed?: () => void
}

const MOST = 1_000

/** The dead letters of the service whose store this is. */
export function deadLetters(options: DeadLettersOptions): DeadLetters {
  const { store, runtime, events = [], reactions = [], broker, changed = () => {} } = options
  const eventOf = (consumer: string, topic: string): AnyEvent | undefined =>
    consumer === outboxOf(store.service)
      ? events.find(({ name }) => name === topic)
      : reactions.find((one) => one.kind === 'topic' && one.consumer === consumer)?.event
  const workers = reactions.filter(({ kind }) => kind === 'queue')
  const places: Place[] = [parkedLetters({ store, runtime, eventOf, changed })]
  if (broker !== undefined && workers.length > 0) places.push(workLetters({ store, broker, workers }))

  const deed = (action: Deed['action'], by: string, reason = ''): Deed => {
    if (action !== 'retry' && reason.trim() === '')
      throw new CallError('INVALID_ARGUMENT', `Cannot ${action} dead letters without a reason: say why, for those who ask later`)
    return { at: runtime.clock.now(), action, by, reason }
  }

  return {
    groups: async (filter = {}) => {
      const all = await Promise.all(places.map((place) => place.groups(filter)))
      return all.flat().toSorted((a, b) => b.count - a.count || (a.id < b.id ? -1 : 1))
    },
    list: async ({ limit = 100, after, ...filter } = {}) => {
      checkOptions('list dead letters', { limit }, BROKER_NUMBERS.page)
      const most = Math.min(limit, MOST)
      const all = await Promise.all(places.map((place) => place.list(filter, most, after)))
      return all.flat().toSorted(inOrder).slice(0, most)
    },
    show: async (id) => {
      const all = (await Promise.all(places.map((place) => place.find(id, 5)))).flat()
      const [found, ...more] = all
      if (found === undefined) throw new CallError('NOT_FOUND', `Cannot show dead letter "${id}": there is none`)
      if (more.length > 0) {
        const names = all.map(({ letter }) => `${letter.id} (${letter.consumer})`).join(', ')
        throw new CallError('INVALID_ARGUMENT', `Cannot tell which dead letter "${id}" is: ${names}`)
      }
      const { letter, message, detail, behind } = found
      const changes = await readAudit(store, { id: letter.id })
      const edits = changes.filter(({ action }) => action === 'edit').length
      return { ...letter, message, detail, behind, changes, edits }
    },
    retry: async (filter = {}, by = '') => sum(places, (place) => place.retry(filter, deed('retry', by))),
    discard: async (filter, reason, by = '') => {
      const discarding = deed('discard', by, reason)
      return sum(places, (place) => place.discard(filter, discarding))
    },
    edit: async (id, data, reason, by = '') => {
      const editing = deed('edit', by, reason)
      for (const place of places) if (await place.edit(id, data, editing)) return
      throw new CallError('NOT_FOUND', `Cannot edit dead letter "${id}": there is none`)
    },
    audit: async (filter = {}) => {
      checkOptions('read the audit of dead letters', filter, BROKER_NUMBERS.page)
      return readAudit(store, filter)
    },
  }
}

/** One after the other: what fails in one place does not hide what was done in another. */
async function sum(places: readonly Place[], work: (place: Place) => Promise<number>): Promise<number> {
  let total = 0
  for (const place of places) total += await work(place)
  return total
}
