import { CallError, type AnyEvent } from '../../contract/contract.ts'
import type { DeadLetterDecision, DeadLetterFilter, DeadMessage, DeadMessageGroup } from '../../data/data.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { BROKER_NUMBERS, checkOptions } from '../limits.ts'
import { outboxOf, type ParkedStore } from '../parked/parked.ts'
import { edited } from './edit.ts'
import { hidesAnything, hidingOf, type Hiding } from './private.ts'
import {
  changeOf,
  groupOf,
  headOf,
  letterOf,
  type DeadLetter,
  type DeadLetterChange,
  type DeadLetterDetail,
  type DeadLetterGroup,
} from './letter.ts'

export type { DeadLetterFilter } from '../../data/data.ts'
export type { DeadLetter, DeadLetterChange, DeadLetterDetail, DeadLetterGroup, MessageHead } from './letter.ts'

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
  readonly retry: (filter?: DeadLetterFilter, by?: string, reason?: string) => Promise<number>
  /**
   * Takes them out for good; what waits behind them goes on. Answers how many.
   * @throws {CallError} INVALID_ARGUMENT without a reason
   */
  readonly discard: (filter: DeadLetterFilter, reason: string, by?: string) => Promise<number>
  /**
   * Replaces the data (JSON text) of one; it stays dead until it is retried, under the same id. The original is in the audit.
   * @throws {CallError} INVALID_ARGUMENT when its consumer could not read these data, when they belong to another key, or
   * without a reason; NOT_FOUND when there is no such dead letter; ABORTED when somebody else has decided on it meanwhile
   */
  readonly edit: (id: string, data: string, reason: string, by?: string) => Promise<void>
  /** What was done, latest first. */
  readonly audit: (filter?: AuditFilter) => Promise<readonly DeadLetterChange[]>
}

export type Page = {
  readonly limit?: number | undefined
  /** Where the page before ended. */
  readonly after?: Pick<DeadLetter, 'lastFailure' | 'id'> | undefined
}

export type AuditFilter = {
  /** Id of a dead letter, which may be gone, or how that begins (4 characters at least); or of its message. */
  readonly id?: string | undefined
  readonly consumer?: string | undefined
  readonly action?: DeadLetterChange['action'] | undefined
  readonly since?: number | undefined
  readonly until?: number | undefined
  /** At most so many; default 100. */
  readonly limit?: number | undefined
  /** The last one of the page before. */
  readonly after?: Pick<DeadLetterChange, 'at' | 'letter'> | undefined
}

export type DeadLettersOptions = {
  readonly store: ParkedStore
  readonly runtime: Runtime
  /** What the service publishes and sends, by which edits of its outbox are judged, … */
  readonly events?: readonly AnyEvent[]
  /** … and its reactions; without them an edit need only be JSON. */
  readonly reactions?: readonly { readonly kind: 'topic' | 'queue'; readonly consumer: string; readonly event: AnyEvent }[]
  /** Milliseconds an entry of the audit is kept; Infinity where somebody else tidies. Default 400 days. */
  readonly auditRetention?: number
  /** Told after every change, so that a consumer in this process looks at its store again. */
  readonly changed?: () => void
}

const MOST = 1_000
/** Messages shown of those that wait behind one. */
const BEHIND = 20
/** So that last year's can be looked at. */
const AUDIT_RETENTION = 400 * 24 * 60 * 60 * 1000

/** The dead letters of the service whose store this is. */
export function deadLetters(options: DeadLettersOptions): DeadLetters {
  const { store, runtime, events = [], reactions = [], auditRetention = AUDIT_RETENTION, changed = () => {} } = options
  const { deadLetters: records, parked } = store.records
  const outbox = outboxOf(store.service)
  const reactionOf = (consumer: string) => reactions.find((one) => one.consumer === consumer)
  const kindOf = (consumer: string): DeadLetter['kind'] =>
    consumer === outbox ? 'outbox' : (reactionOf(consumer)?.kind ?? 'topic')
  const eventOf = (consumer: string, topic: string): AnyEvent | undefined =>
    consumer === outbox ? events.find(({ name }) => name === topic) : reactionOf(consumer)?.event

  const decide = async (filter: DeadLetterFilter, decision: DeadLetterDecision): Promise<number> => {
    const { action, reason, at } = decision
    if (action !== 'retry' && reason.trim() === '')
      throw new CallError('INVALID_ARGUMENT', `Cannot ${action} dead letters without a reason: say why, for those who ask later`)
    try {
      // The first statement makes them this transaction's, asking whether they are dead still; the others ask for those.
      const alone = { isolated: false }
      return await store.transaction(async (tx) => {
        if (auditRetention < Infinity) await records.forget(tx, { before: at - auditRetention })
        return records.decide(tx, filter, decision)
      }, alone)
    } finally {
      // A failed one too, which may have happened.
      changed()
    }
  }

  const audit = async ({ id, limit = 100, ...filter }: AuditFilter): Promise<readonly DeadLetterChange[]> => {
    const found = await records.audit({ ...filter, limit, ...(id === undefined ? {} : { named: named(id) }) })
    return found.map((one) => changeOf(one, hidingOf(eventOf(one.consumer, one.message.type))))
  }

  const hidingFor = ({ consumer, message }: DeadMessage): Hiding => hidingOf(eventOf(consumer, message.type))
  /** The error of a group is that of one of its letters, and what it may say depends on that one's data. */
  const shown = async (group: DeadMessageGroup): Promise<DeadMessageGroup> => {
    if (!hidesAnything(eventOf(group.consumer, group.topic))) return group
    const [example] = await records.list({ ids: [group.letter] }, { limit: 1 })
    return example === undefined ? group : { ...group, error: hidingFor(example).words(group.error, example.message) }
  }

  const { now } = runtime.clock
  return {
    groups: async (filter = {}) => {
      const found = await Promise.all((await records.groups(filter)).map(shown))
      const groups = found.map((group) => groupOf(group, kindOf))
      return groups.toSorted((a, b) => b.count - a.count || (a.id < b.id ? -1 : 1))
    },
    list: async ({ limit = 100, after, ...filter } = {}) => {
      checkOptions('list dead letters', { limit }, BROKER_NUMBERS.page)
      const found = await records.list(filter, { limit: Math.min(limit, MOST), after })
      return found.map((one) => letterOf(one, kindOf, hidingFor(one)))
    },
    show: async (id) => {
      const all = await records.list({ named: named(id) }, { limit: 5 })
      const [found] = all
      if (found === undefined) throw new CallError('NOT_FOUND', `Cannot show dead letter "${id}": there is none`)
      if (all.length > 1) {
        const names = all.map(({ letter, consumer }) => `${letter} (${consumer})`).join(', ')
        throw new CallError('INVALID_ARGUMENT', `Cannot tell which dead letter "${id}" is: ${names}`)
      }
      const { consumer, key, message, error, letter } = found
      const [, ...behind] = await parked.read({ consumer, key, limit: 1 + BEHIND })
      const hiding = hidingFor(found)
      return {
        ...{ ...letterOf(found, kindOf, hiding), message: hiding.message(message), detail: hiding.words(error, message) },
        ...{ behind: behind.map((one) => headOf(hiding.message(one.message))), changes: await audit({ id: letter }) },
      }
    },
    retry: (filter = {}, by = '', reason = '') => decide(filter, { action: 'retry', at: now(), by, reason }),
    discard: (filter, reason, by = '') => decide(filter, { action: 'discard', at: now(), by, reason, unmarked: outbox }),
    edit: async (id, data, reason, by = '') => {
      const [found] = await records.list({ ids: [id] }, { limit: 1 })
      if (found === undefined) throw new CallError('NOT_FOUND', `Cannot edit dead letter "${id}": there is none`)
      const event = eventOf(found.consumer, found.message.type)
      const message = await edited(found.message, hidingOf(event).restored(data, found.message), event)
      const decision = { action: 'edit', at: now(), by, reason, message, revision: found.revision } as const
      if ((await decide({ ids: [id] }, decision)) === 0)
        throw new CallError('ABORTED', `Cannot edit dead letter "${id}": it is not what it was a moment ago; look at it again`)
    },
    audit: async (filter = {}) => {
      checkOptions('read the audit of dead letters', filter, BROKER_NUMBERS.page)
      return audit(filter)
    },
  }
}

/** Ids are letters and digits; fewer than four of them name nobody. */
function named(id: string): { readonly id: string; readonly begins: boolean } {
  return { id, begins: /^[a-z2-9]{4,}$/.test(id) }
}

/** The dead letters of several stores as those of one. @param parts asked anew each time */
export function joinedDeadLetters(parts: () => readonly DeadLetters[]): DeadLetters {
  const all = async <T>(ask: (one: DeadLetters) => Promise<readonly T[]>): Promise<T[]> =>
    (await Promise.all(parts().map(ask))).flat()
  const sum = async (ask: (one: DeadLetters) => Promise<number>): Promise<number> =>
    (await all(async (one) => [await ask(one)])).reduce((total, count) => total + count, 0)
  /** The part that has it, as it alone answers. */
  const having = async (id: string, what: string): Promise<readonly [DeadLetters, DeadLetterDetail]> => {
    const found = await all(async (one) => {
      try {
        return [[one, await one.show(id)] as const]
      } catch (error) {
        if (error instanceof CallError && error.code === 'NOT_FOUND') return []
        throw error
      }
    })
    const [only, ...others] = found
    if (only === undefined) throw new CallError('NOT_FOUND', `Cannot ${what} dead letter "${id}": there is none`)
    if (others.length === 0) return only
    const names = found.map(([, { id: letter, consumer }]) => `${letter} (${consumer})`).join(', ')
    throw new CallError('INVALID_ARGUMENT', `Cannot tell which dead letter "${id}" is: ${names}`)
  }

  return {
    groups: async (filter) =>
      (await all((one) => one.groups(filter))).toSorted((a, b) => b.count - a.count || (a.id < b.id ? -1 : 1)),
    list: async (filter = {}) => (await all((one) => one.list(filter))).toSorted(byFailure).slice(0, filter.limit ?? 100),
    show: async (id) => (await having(id, 'show'))[1],
    retry: (filter, by, reason) => sum((one) => one.retry(filter, by, reason)),
    discard: (filter, reason, by) => sum((one) => one.discard(filter, reason, by)),
    edit: async (id, data, reason, by) => (await having(id, 'edit'))[0].edit(id, data, reason, by),
    audit: async (filter = {}) => (await all((one) => one.audit(filter))).toSorted(byTime).slice(0, filter.limit ?? 100),
  }
}

function byFailure(a: DeadLetter, b: DeadLetter): number {
  return a.lastFailure - b.lastFailure || (a.id < b.id ? -1 : 1)
}

function byTime(a: DeadLetterChange, b: DeadLetterChange): number {
  return b.at - a.at || (a.letter < b.letter ? -1 : 1)
}
