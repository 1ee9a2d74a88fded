import type { Message } from '../contract/contract.ts'
import { CallError } from '../contract/contract.ts'
import type { CommandOutcome, MessageLookup, ParkedMessage, Store } from '../data/data.ts'
import { letterNameOf, outboxOf } from '../messaging/internal.ts'
import type { Service } from './definition.ts'
import { preparedKey } from './prepared-keys.ts'

/** What somebody wants to know of the messages of a story. */
export type StoryQuestion = MessageLookup & {
  /** Which reactions of other services may have called this one because of which message. */
  readonly callers: readonly { readonly consumer: string; readonly messageId: string }[]
}

/** What a service's own store says of them. Times are milliseconds since the epoch. */
export type ServiceStory = {
  readonly service: string
  /** What it has announced and the broker does not have yet. */
  readonly outbox: readonly (Message & { readonly destination: 'topic' | 'queue' })[]
  /** What its reactions have handled. */
  readonly marks: readonly { readonly consumer: string; readonly messageId: string; readonly at: number }[]
  /** What waits for another try, what is dead, and what is held behind it. */
  readonly parked: readonly StoryParked[]
  /** What people decided about dead letters. */
  readonly decisions: readonly StoryDecision[]
  /** Commands that reactions of others called, and what they were answered: JSON. */
  readonly calls: readonly StoryCall[]
  /** There may be more. */
  readonly cutOff: boolean
  /** Why nothing is told of some of it. */
  readonly unseen: readonly string[]
}

export type StoryParked = Pick<
  ParkedMessage,
  'consumer' | 'key' | 'message' | 'state' | 'crashes' | 'wait' | 'error' | 'firstFailure' | 'lastFailure' | 'letter' | 'group'
> & {
  /** Tries that have ended, and one that is under way. */
  readonly attempts: number
  readonly trying: boolean
}

export type StoryDecision = {
  readonly at: number
  readonly action: 'retry' | 'edit' | 'discard'
  readonly consumer: string
  readonly messageId: string
  readonly letter: string
  readonly by: string
  readonly reason: string
}

export type StoryCall = {
  readonly consumer: string
  readonly messageId: string
  readonly operation: string
  readonly outcome: CommandOutcome
  readonly body: string
  readonly at: number
}

/** Rows of each kind that are told, at most. */
const MOST = 500
/** Ids of each kind that are asked for at once, at most. */
const ASKED = 100

/** Asks the store of a service. @throws {CallError} INVALID_ARGUMENT when too much is asked at once */
export async function tellStory(
  { contract, reactions }: Pick<Service, 'contract' | 'reactions'>,
  store: Store | undefined,
  question: StoryQuestion,
): Promise<ServiceStory> {
  const { correlationIds, keys, messageIds, callers } = question
  const nothing = {
    service: contract.name,
    outbox: [],
    marks: [],
    parked: [],
    decisions: [],
    calls: [],
    cutOff: false,
    unseen: [],
  }
  if ([correlationIds, keys, messageIds, callers].some(({ length }) => length > ASKED))
    throw new CallError('INVALID_ARGUMENT', `Cannot tell a story of so much at once: ask for ${ASKED} of each at most`)
  if (store === undefined) return nothing
  const { lookup } = store.records
  if (lookup === undefined) {
    const why = `The store of service "${contract.name}" (${store.engine}) is not made to be looked into`
    return { ...nothing, unseen: [why] }
  }
  const consumers = [...reactions.map(({ name }) => `${contract.name}/${name}`), outboxOf(contract.name)]
  const letters = consumers.flatMap((consumer) => messageIds.map((id) => letterNameOf(consumer, id)))
  const [outbox, marks, parked, decided, calls] = await Promise.all([
    lookup.outbox(question, MOST),
    messageIds.length === 0 ? [] : lookup.marks(messageIds),
    lookup.parked({ consumers, keys, messageIds }, MOST),
    inParts(letters, (some) => lookup.decisions(some, MOST)),
    answered(contract.operations, lookup.commands, callers),
  ])
  return {
    ...nothing,
    outbox: outbox.map(({ message }) => message),
    marks,
    parked: parked.map(({ started, finished, partition: _, revision: __, ...one }) => {
      return { ...one, attempts: finished, trying: started > finished }
    }),
    decisions: decided.map(({ at, action, consumer, message, letter, by, reason }) => {
      return { at, action, consumer, messageId: message.id, letter, by, reason }
    }),
    calls,
    cutOff: [outbox, parked, decided, calls].some(({ length }) => length >= MOST),
  }
}

/** The keys of calls begin with the message and the reaction that made them. */
async function answered(
  operations: Service['contract']['operations'],
  commands: NonNullable<Store['records']['lookup']>['commands'],
  callers: StoryQuestion['callers'],
): Promise<readonly StoryCall[]> {
  const byPrefix = new Map(callers.map((caller) => [`${preparedKey(caller.consumer, caller.messageId)}:`, caller]))
  const named = Object.entries(operations as Readonly<Record<string, { readonly kind: string }>>)
  const found = named.map(async ([operation, { kind }]) =>
    kind === 'command' ? commands({ operation, prefixes: [...byPrefix.keys()] }, MOST) : [],
  )
  return (await Promise.all(found)).flat().flatMap(({ key, ...one }) => {
    const prefix = [...byPrefix.keys()].find((each) => key.startsWith(each))
    return prefix === undefined ? [] : [{ ...byPrefix.get(prefix)!, ...one }]
  })
}

async function inParts<T>(
  all: readonly string[],
  ask: (some: readonly string[]) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const found: T[] = []
  for (let from = 0; from < all.length && found.length < MOST; from += ASKED)
    found.push(...(await ask(all.slice(from, from + ASKED))))
  return found
}
