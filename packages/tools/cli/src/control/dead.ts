import { CallError } from 'dure/contract'
import type { DeadLetter, DeadLetterChange, DeadLetterDetail, DeadLetterGroup, DeadLetters } from 'dure/messaging'
import type { DoorHost } from 'dure/service'
import { isAway } from './ask.ts'
import type { Asked, DeadAnswer, DeadRequest, DeadSelection } from './dead-protocol.ts'

/** Answers what `dure dead` asks, over all services of the system, wherever they run. */
export async function answerDead(host: DoorHost, request: DeadRequest): Promise<DeadAnswer<unknown>> {
  const services = servicesOf(host, 'consumer' in request ? request.consumer : undefined)
  const silent: DeadAnswer<unknown>['silent'][number][] = []
  /** Asks them one after the other; who is not there is named, and what the others say still counts. */
  const each = async <T>(work: (letters: DeadLetters, service: string) => Promise<T>, of = services): Promise<readonly T[]> => {
    const values: T[] = []
    for (const [service, letters] of of) {
      try {
        values.push(await work(letters, service))
      } catch (error) {
        if (!isAway(error)) throw error
        silent.push({ service, why: error.message })
      }
    }
    return values
  }
  const find = (id: string): Promise<Located> => locate(id, each, silent)
  const done = <T>(value: T): DeadAnswer<T> => ({ value, silent })

  switch (request.action) {
    case 'groups': {
      const { action: _, consumer, ...filter } = request
      const all = (await each((letters) => letters.groups({ ...filter, ...reactionOf(consumer) }))).flat()
      return done(distinct(all).toSorted((a, b) => b.count - a.count || (a.id < b.id ? -1 : 1)) satisfies DeadLetterGroup[])
    }
    case 'list': {
      const { action: _, consumer, after: id, limit = 50, ...filter } = request
      const after = id === undefined ? undefined : (await find(id)).letter
      const wanted = { ...filter, ...reactionOf(consumer), limit, ...(after === undefined ? {} : { after }) }
      const all = (await each((letters) => letters.list(wanted))).flat()
      const sorted = distinct(all).toSorted((a, b) => a.lastFailure - b.lastFailure || (a.id < b.id ? -1 : 1))
      return done(sorted.slice(0, limit) satisfies DeadLetter[])
    }
    case 'show':
      return done((await find(request.id)).letter satisfies DeadLetterDetail)
    case 'audit': {
      const { action: _, consumer, of, what, ...filter } = request
      const id = of === undefined ? undefined : await find(of).then(({ letter }) => letter.id, orAsGiven(of))
      const wanted = { ...filter, ...reactionOf(consumer), id, action: what }
      const all = (await each((letters) => letters.audit(wanted))).flat()
      return done(all.toSorted((a, b) => b.at - a.at).slice(0, filter.limit ?? 100) satisfies DeadLetterChange[])
    }
    case 'edit': {
      const { letter, letters } = await find(request.id)
      await letters.edit(letter.id, request.data, request.reason, request.by)
      return done(letter.id)
    }
    case 'count': {
      const { action: _, consumer, ...filter } = request
      const all = (await each((letters) => letters.groups({ ...filter, ...reactionOf(consumer) }))).flat()
      return done(sum(distinct(all).map(({ count }) => count)))
    }
    case 'retry':
      return done(await change(request, { each, find }, (letters, filter) => letters.retry(filter, request.by)))
    case 'discard': {
      const { reason, by } = request
      return done(await change(request, { each, find }, (letters, filter) => letters.discard(filter, reason, by)))
    }
  }
}

type Services = readonly (readonly [service: string, letters: DeadLetters])[]
type Each = <T>(work: (letters: DeadLetters, service: string) => Promise<T>, of?: Services) => Promise<readonly T[]>
type Located = { readonly letter: DeadLetterDetail; readonly letters: DeadLetters; readonly service: string }

/** The services that may have dead letters; of a consumer's name the first part is its service. */
function servicesOf(host: DoorHost, consumer: string | undefined): Services {
  const wanted = consumer?.split('/', 1)[0]
  const found = host.contracts.flatMap(({ name }) => {
    const letters = wanted === undefined || wanted === name ? host.deadLetters(name) : undefined
    return letters === undefined ? [] : [[name, letters] as const]
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

async function locate(id: string, each: Each, silent: readonly { readonly service: string }[]): Promise<Located> {
  const found = (
    await each(async (letters, service) => {
      try {
        return [{ letter: await letters.show(id), letters, service }]
      } catch (error) {
        if (error instanceof CallError && error.code === 'NOT_FOUND') return []
        throw error
      }
    })
  ).flat()
  const [one, ...more] = found
  if (one === undefined) {
    const away =
      silent.length === 0 ? '' : `, unless it is of ${silent.map(({ service }) => `"${service}"`).join(', ')}, who did not answer`
    throw new CallError('NOT_FOUND', `Cannot find dead letter "${id}": there is none${away}; see "dure dead list"`)
  }
  if (more.length > 0) {
    const names = [one, ...more].map(({ letter }) => `${letter.id} (${letter.consumer})`).join(', ')
    throw new CallError('INVALID_ARGUMENT', `Cannot tell which dead letter "${id}" is: ${names}`)
  }
  return one
}

/** Does something to those that were named, or to all that a filter lets through; answers to how many. */
async function change(
  { ids, consumer, topic, key, group, error, since, until }: DeadSelection,
  { each, find }: { readonly each: Each; readonly find: (id: string) => Promise<Located> },
  work: (letters: DeadLetters, filter: Asked) => Promise<number>,
): Promise<number> {
  const filter = { topic, key, group, error, since, until, ...reactionOf(consumer) }
  if (ids === undefined) return sum(await each((letters) => work(letters, filter)))
  // All are looked for before anything is done to any.
  const located: Located[] = []
  for (const id of ids) located.push(await find(id))
  let count = 0
  for (const same of Map.groupBy(located, ({ service }) => service).values()) {
    count += await work(same[0]!.letters, { ...filter, ids: [...new Set(same.map(({ letter }) => letter.id))] })
  }
  return count
}

/** A letter that is gone is still in the audit, by its whole id. */
function orAsGiven(id: string): (error: unknown) => string {
  return (error) => {
    if (error instanceof CallError && error.code === 'NOT_FOUND') return id
    throw error
  }
}

function distinct<T extends { readonly id: string }>(values: readonly T[]): readonly T[] {
  return [...new Map(values.map((value) => [value.id, value])).values()]
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)
