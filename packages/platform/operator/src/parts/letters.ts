import { CallError, contract } from 'dure/contract'
import type { DeadLetterDetail, DeadLetterFilter, DeadLetters } from 'dure/messaging'
import type { DoorHost } from 'dure/service'
import { z } from 'zod'
import { across, Silent, wideQuery, wideCommand } from '../across.ts'
import { diffOf, Difference } from '../difference.ts'
import { operatorPart, type OperatorContext, type OperatorPart } from '../part.ts'
import { Message, MessageHead } from './message.ts'

const Kind = z.enum(['topic', 'queue', 'outbox'])
const letter = {
  ...{ id: z.string(), kind: Kind, consumer: z.string(), group: z.string(), error: z.string(), attempts: z.number() },
  ...{ firstFailure: z.number(), lastFailure: z.number(), held: z.number(), edits: z.number() },
}
const Letter = z.object({ ...letter, message: MessageHead })
const Group = z.object({
  ...{ id: z.string(), kind: Kind, consumer: z.string(), topic: z.string(), error: z.string(), count: z.number() },
  ...{ held: z.number(), firstFailure: z.number(), lastFailure: z.number(), example: z.string() },
})
const Action = z.enum(['retry', 'edit', 'discard'])
const Change = z.object({
  ...{ at: z.number(), action: Action, letter: z.string(), consumer: z.string(), topic: z.string(), messageId: z.string() },
  ...{ by: z.string(), reason: z.string(), error: z.string(), message: Message, data: z.string().optional() },
})
const Detail = z.object({
  ...{ ...letter, message: Message, detail: z.string() },
  ...{ behind: z.array(MessageHead), changes: z.array(Change) },
})

const filter = {
  consumer: z.string().optional().describe('a service, or service/reaction'),
  topic: z.string().optional(),
  key: z.string().optional(),
  group: z.string().optional().describe('those that failed alike: its id'),
  error: z.string().optional().describe('a part of its text'),
  since: z.number().optional().describe('failed last at or after: milliseconds since the epoch'),
  until: z.number().optional().describe('failed last before'),
}
const Filter = z.object(filter)
const limit = z.int().min(1).max(1_001).default(50)
/** Those that are named, or all that the rest lets through. */
const ids = z.array(z.string()).min(1).max(1_000)
const named = ids.optional().describe('ids, how they begin, or ids of their messages; default: all that the filter lets through')
const id = z.string().describe('its id, how that begins, or the id of its message')
const data = z.string().describe('JSON as text')
const Counted = z.object({ count: z.number(), silent: Silent })

/** Retries one after the other take their time: milliseconds. */
const LONGEST = 600_000

const Letters = contract('letters', {
  version: '1.0.0',
  owner: 'dure',
  description:
    'Dead letters: messages that failed as often as allowed. One holds the later ones of its key until it is retried with success, or discarded',
  operations: {
    groups: wideQuery({
      ...{ input: Filter, output: z.object({ groups: z.array(Group), silent: Silent }) },
      description: 'Those that failed alike, most first',
    }),
    list: wideQuery({
      input: z.object({ ...filter, ids: named, limit, after: z.string().optional().describe('the last one of the page before') }),
      output: z.object({ letters: z.array(Letter), silent: Silent }),
      description: 'One by one, those that failed first at the top',
    }),
    show: wideQuery({ input: z.object({ id }), output: Detail, description: 'All of one' }),
    count: wideQuery({ input: Filter, output: Counted, description: 'How many there are' }),
    audit: wideQuery({
      input: z.object({
        ...{ id: id.optional(), consumer: filter.consumer, action: Action.optional(), since: filter.since, until: filter.until },
        limit: limit.default(100),
      }),
      output: z.object({ changes: z.array(Change), silent: Silent }),
      description: 'What was done to them, latest first',
    }),
    difference: wideQuery({
      ...{ input: z.object({ id, data }), output: Difference },
      description: 'What an edit would change',
    }),
    edit: wideCommand({
      ...{ input: z.object({ id, data }), output: z.object({ id: z.string() }) },
      description:
        'Replaces the data of one, which stays dead until it is retried; refused when its consumer could not read them',
    }),
    retry: wideCommand({
      input: z.object({
        ...{ ...filter, ids: named },
        rate: z.number().positive().max(1_000).optional().describe('so many a second, one after the other; default: all at once'),
      }),
      ...{ output: Counted, deadline: LONGEST },
      description: 'Gives them a fresh set of tries',
    }),
    discard: wideCommand({
      ...{ input: z.object({ ...filter, ids: named }), output: Counted },
      description: 'Takes them out for good; what waits behind them goes on',
    }),
  },
})

/** Dead letters of all services, wherever they run. */
export const letters: OperatorPart = operatorPart({
  contract: Letters,
  // The services write their changes down themselves.
  rules: { edit: { reason: true, act: 'own' }, retry: { act: 'own' }, discard: { reason: true, act: 'own' } },
  answer: ({ host, world }) => ({
    groups: async ({ consumer, ...rest }) => {
      const { found, silent } = await each(host, consumer, (one) => one.groups({ ...rest, ...reactionOf(consumer) }))
      return { groups: distinct(found).toSorted((a, b) => b.count - a.count || (a.id < b.id ? -1 : 1)), silent }
    },
    list: async ({ consumer, after: last, ...rest }) => {
      const after = last === undefined ? undefined : (await locate(host, last)).letter
      const wanted = { ...rest, ...reactionOf(consumer), ...(after && { after }) }
      const { found, silent } = await each(host, consumer, (one) => one.list(wanted))
      const sorted = distinct(found).toSorted((a, b) => a.lastFailure - b.lastFailure || (a.id < b.id ? -1 : 1))
      return { letters: sorted.slice(0, rest.limit), silent }
    },
    show: async ({ id: which }) => shown((await locate(host, which)).letter),
    count: async ({ consumer, ...rest }) => {
      const { found, silent } = await each(host, consumer, (one) => one.groups({ ...rest, ...reactionOf(consumer) }))
      return { count: sum(distinct(found).map(({ count }) => count)), silent }
    },
    audit: async ({ id: which, consumer, ...rest }) => {
      const one =
        which === undefined ? undefined : await locate(host, which).then(({ letter: { id: own } }) => own, orAsGiven(which))
      const { found, silent } = await each(host, consumer, (its) => its.audit({ ...rest, ...reactionOf(consumer), id: one }))
      return { changes: found.toSorted((a, b) => b.at - a.at).slice(0, rest.limit), silent }
    },
    difference: async ({ id: which, data: next }) => diffOf((await locate(host, which)).letter.message.data, next),
    edit: async ({ id: which, data: next }, { name, reason = '' }) => {
      const { letter: found, letters: its } = await locate(host, which)
      await its.edit(found.id, next, reason, name)
      return { id: found.id }
    },
    retry: async ({ rate, ...which }, context) => {
      const { name, reason } = context
      const retry = (one: DeadLetters, wanted: DeadLetterFilter): Promise<number> => one.retry(wanted, name, reason)
      if (rate === undefined) return change(host, which, retry)
      return paced(host, { ids: which.ids, rate, pause: (ms) => world.runtime.timers.sleep(ms, context.signal), context }, retry)
    },
    discard: (which, { name, reason = '' }) => change(host, which, (one, wanted) => one.discard(wanted, reason, name)),
  }),
})

type Selection = z.infer<typeof Filter> & { readonly ids?: readonly string[] | undefined }
type Work = (letters: DeadLetters, filter: DeadLetterFilter) => Promise<number>

async function each<T>(
  host: DoorHost,
  consumer: string | undefined,
  work: (letters: DeadLetters) => Promise<readonly T[]>,
): Promise<{ readonly found: readonly T[]; readonly silent: Silent }> {
  const { values, silent } = await across(servicesOf(host, consumer), work)
  return { found: values.flatMap(({ value }) => value), silent }
}

/** The services that may have dead letters; of a consumer's name the first part is its service. */
function servicesOf(host: DoorHost, consumer?: string): readonly (readonly [service: string, letters: DeadLetters])[] {
  const wanted = consumer?.split('/', 1)[0]
  const found = host.contracts.flatMap(({ name }) => {
    const its = wanted === undefined || wanted === name ? host.deadLetters(name) : undefined
    return its === undefined ? [] : [[name, its] as const]
  })
  if (wanted !== undefined && found.length === 0) {
    throw new CallError('NOT_FOUND', `Cannot find consumer "${consumer}": no service "${wanted}" reacts to anything`)
  }
  return found
}

/** `desk` is all of a service, `desk/order.placed` one of its reactions. */
function reactionOf(consumer: string | undefined): { readonly consumer?: string } {
  return consumer?.includes('/') === true ? { consumer } : {}
}

type Located = { readonly letter: DeadLetterDetail; readonly letters: DeadLetters; readonly service: string }

async function locate(host: DoorHost, which: string): Promise<Located> {
  const { values, silent } = await across(servicesOf(host), async (its, service): Promise<readonly Located[]> => {
    try {
      return [{ letter: await its.show(which), letters: its, service }]
    } catch (error) {
      if (error instanceof CallError && error.code === 'NOT_FOUND') return []
      throw error
    }
  })
  const [one, ...more] = values.flatMap(({ value }) => value)
  if (one === undefined) {
    const away =
      silent.length === 0 ? '' : `, unless it is of ${silent.map(({ service }) => `"${service}"`).join(', ')}, who did not answer`
    throw new CallError('NOT_FOUND', `Cannot find dead letter "${which}": there is none${away}; see "dure dead list"`)
  }
  if (more.length > 0) {
    const names = [one, ...more].map(({ letter: { id: own, consumer } }) => `${own} (${consumer})`).join(', ')
    throw new CallError('INVALID_ARGUMENT', `Cannot tell which dead letter "${which}" is: ${names}`)
  }
  return one
}

/** All are looked for before anything is done to any. */
async function locateAll(host: DoorHost, which: readonly string[]): Promise<readonly Located[]> {
  const located = new Map<string, Located>()
  for (const one of which) {
    const found = await locate(host, one)
    located.set(found.letter.id, found)
  }
  return [...located.values()]
}

/** Does something to those that were named, or to all that a filter lets through; answers to how many. */
async function change(
  host: DoorHost,
  { ids: which, consumer, ...rest }: Selection,
  work: Work,
): Promise<{ count: number; silent: Silent }> {
  const wanted = { ...rest, ...reactionOf(consumer) }
  if (which === undefined) {
    const { values, silent } = await across(servicesOf(host, consumer), (its) => work(its, wanted))
    return { count: sum(values.map(({ value }) => value)), silent }
  }
  let count = 0
  const located = await locateAll(host, which)
  for (const same of Map.groupBy(located, ({ service }) => service).values())
    count += await work(same[0]!.letters, { ...wanted, ids: same.map(({ letter: { id: own } }) => own) })
  return { count, silent: [] }
}

/** One after the other, as long as whoever wanted it waits for it: the rest stays as it is. */
async function paced(
  host: DoorHost,
  how: {
    readonly ids: readonly string[] | undefined
    readonly rate: number
    readonly pause: (ms: number) => Promise<void>
    readonly context: Pick<OperatorContext, 'signal'>
  },
  work: Work,
): Promise<{ count: number; silent: Silent }> {
  const { ids: which, rate, pause, context } = how
  if (which === undefined)
    throw new CallError('INVALID_ARGUMENT', 'Cannot retry dead letters at a rate without a fixed set of them; give their ids')
  if ((which.length / rate) * 1_000 > LONGEST * 0.9)
    throw new CallError(
      'INVALID_ARGUMENT',
      `Cannot retry ${which.length} dead letters at ${rate} a second: it would take more than ${(LONGEST * 0.9) / 60_000} minutes; give fewer of them`,
    )
  let count = 0
  for (const [
    at,
    {
      letters: its,
      letter: { id: own },
    },
  ] of (await locateAll(host, which)).entries()) {
    if (at > 0) await pause(1_000 / rate)
    if (context.signal.aborted) break
    count += await work(its, { ids: [own] })
  }
  return { count, silent: [] }
}

/** A letter that is gone is still in the audit, by its whole id. */
function orAsGiven(which: string): (error: unknown) => string {
  return (error) => {
    if (error instanceof CallError && error.code === 'NOT_FOUND') return which
    throw error
  }
}

function distinct<T extends { readonly id: string }>(values: readonly T[]): readonly T[] {
  return [...new Map(values.map((value) => [value.id, value])).values()]
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)

const shown = (found: DeadLetterDetail): z.input<typeof Detail> => ({
  ...found,
  behind: [...found.behind],
  changes: [...found.changes],
})
