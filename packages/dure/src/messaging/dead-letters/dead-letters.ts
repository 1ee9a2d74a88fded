import { CallError, type AnyEvent } from '../../contract/contract.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { BROKER_NUMBERS, checkOptions } from '../limits.ts'
import { readAudit, type AuditFilter, type Deed } from './audit.ts'
import type { After, DeadLetter, DeadLetterChange, DeadLetterDetail, DeadLetterFilter, DeadLetterGroup } from './letter.ts'
import { parkedLetters } from './parked-letters.ts'
import { outboxOf } from '../parked/parked.ts'
import type { LetterStore } from '../parked/parked.ts'

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
  /** Told after every change, so that a consumer in this process looks at its table again. */
  readonly changed?: () => void
}

const MOST = 1_000

/** The dead letters of the service whose store this is. */
export function deadLetters(options: DeadLettersOptions): DeadLetters {
  const { store, runtime, events = [], reactions = [], changed = () => {} } = options
  const reactionOf = (consumer: string) => reactions.find((one) => one.consumer === consumer)
  const letters = parkedLetters({
    store,
    runtime,
    changed,
    eventOf: (consumer, topic) =>
      consumer === outboxOf(store.service) ? events.find(({ name }) => name === topic) : reactionOf(consumer)?.event,
    kindOf: (consumer) => (consumer === outboxOf(store.service) ? 'outbox' : (reactionOf(consumer)?.kind ?? 'topic')),
  })

  const deed = (action: Deed['action'], by: string, reason = ''): Deed => {
    if (action !== 'retry' && reason.trim() === '')
      throw new CallError('INVALID_ARGUMENT', `Cannot ${action} dead letters without a reason: say why, for those who ask later`)
    return { at: runtime.clock.now(), action, by, reason }
  }

  return {
    groups: async (filter = {}) => (await letters.groups(filter)).toSorted((a, b) => b.count - a.count || (a.id < b.id ? -1 : 1)),
    list: async ({ limit = 100, after, ...filter } = {}) => {
      checkOptions('list dead letters', { limit }, BROKER_NUMBERS.page)
      return letters.list(filter, Math.min(limit, MOST), after)
    },
    show: async (id) => {
      const all = await letters.find(id, 5)
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
    retry: async (filter = {}, by = '') => letters.retry(filter, deed('retry', by)),
    discard: async (filter, reason, by = '') => letters.discard(filter, deed('discard', by, reason)),
    edit: async (id, data, reason, by = '') => {
      if (!(await letters.edit(id, data, deed('edit', by, reason))))
        throw new CallError('NOT_FOUND', `Cannot edit dead letter "${id}": there is none`)
    },
    audit: async (filter = {}) => {
      checkOptions('read the audit of dead letters', filter, BROKER_NUMBERS.page)
      return readAudit(store, filter)
    },
  }
}
