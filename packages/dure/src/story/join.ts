import type { AnyOperation, Message } from '../contract/contract.ts'
import { declaredIn } from '../messaging/internal.ts'
import type { FoundMessage } from '../messaging/messaging.ts'
import type { Lag, ServiceStory, StoryParked, SystemReaction } from '../service/service.ts'
import type { StoryAnswer, StoryHost, StoryMessage, StoryReaction } from './definition.ts'
import type { Gathered } from './gather.ts'
import type { Hiding } from './hidden.ts'
import { firstLine } from './state.ts'

type Joined = {
  readonly host: Pick<StoryHost, 'reactions' | 'contracts'>
  readonly gathered: Gathered
  readonly hiding: Hiding
  /** Undefined: nobody could say. */
  readonly lag: Lag | undefined
}

/** Every message there is a trace of, with what led to it and what was to become of it. */
export function joinMessages({ host, gathered, hiding, lag }: Joined): readonly StoryMessage[] {
  const { found, services, silent } = gathered
  const inBroker = new Map(found.map((one) => [one.message.id, one]))
  const waiting = new Map(services.flatMap(({ outbox }) => outbox.map((message) => [message.id, message] as const)))
  const parked = new Map(services.flatMap((one) => one.parked.map((each) => [placeOf(each.consumer, each.message.id), each])))
  const all = new Map<string, Message>()
  for (const { message } of found) all.set(message.id, message)
  for (const one of [...waiting.values(), ...[...parked.values()].map(({ message }) => message)])
    if (!all.has(one.id)) all.set(one.id, one)
  const facts = factsOf(services)

  const reactionOf = (message: Message, reaction: SystemReaction): StoryReaction => {
    const { consumer, service } = reaction
    const place = placeOf(consumer, message.id)
    const [one, marked] = [parked.get(place), facts.marks.get(place)]
    const decisions = facts.decisions.get(place) ?? []
    const recorded = (facts.calls.get(place) ?? []).map((call) => answerOf(call, hiding))
    const calls = [...recorded, ...refusalIn(one, reaction, { host, hiding, recorded })]
    const unread = unreadOf(lag, reaction)
    const base = { consumer, service, decisions, calls, unread: undefined, ...parkedPart(one, hiding) }
    const done = decisions.some(({ action }) => action === 'discard') ? 'discarded' : 'done'
    if (one !== undefined) return { ...base, state: PARKED[one.state] }
    if (marked !== undefined) return { ...base, state: done, time: marked }
    if (silent.has(service)) return { ...base, state: 'unknown' }
    if (!inBroker.has(message.id) && waiting.has(message.id)) return { ...base, state: 'unsent' }
    return unread === 0 ? { ...base, state: 'missing' } : { ...base, state: 'unread', unread }
  }

  const reactionsTo = Map.groupBy(host.reactions, ({ kind, event }) => `${kind} ${event.name}`)
  const joined = [...all.values()].map((message): StoryMessage => {
    const at = inBroker.get(message.id)
    const refused = parked.get(placeOf(`${message.source}/outbox`, message.id))
    const kind = kindOf(message, at, waiting.get(message.id)?.destination, reactionsTo)
    const state = at !== undefined ? 'sent' : refused !== undefined ? 'refused' : waiting.has(message.id) ? 'waiting' : 'gone'
    const reactions = state === 'refused' ? [] : (reactionsTo.get(`${kind} ${message.type}`) ?? [])
    return {
      ...headOf(message),
      ...{ data: hiding.data(message), headers: withoutCredentials(message.headers), kind, state, at: placeIn(at) },
      ...{ causedBy: all.has(message.causationId ?? '') ? message.causationId : undefined, by: undefined },
      error: refused && hiding.words(refused.error, message),
      reactions: reactions.map((one) => reactionOf(message, one)),
    }
  })
  return joined.map((message) => ({ ...message, by: announcerOf(message, joined) })).toSorted((a, b) => a.time - b.time)
}

const PARKED = { dead: 'dead', waiting: 'retrying', held: 'held' } as const

const placeOf = (consumer: string, messageId: string): string => `${consumer}\n${messageId}`

type Facts = {
  readonly marks: ReadonlyMap<string, number>
  readonly decisions: ReadonlyMap<string, ServiceStory['decisions']>
  readonly calls: ReadonlyMap<string, readonly (ServiceStory['calls'][number] & { readonly service: string })[]>
}

function factsOf(services: readonly ServiceStory[]): Facts {
  return {
    marks: new Map(services.flatMap(({ marks }) => marks.map((one) => [placeOf(one.consumer, one.messageId), one.at]))),
    decisions: Map.groupBy(
      services.flatMap(({ decisions }) => decisions),
      (one) => placeOf(one.consumer, one.messageId),
    ),
    calls: Map.groupBy(
      services.flatMap(({ service, calls }) => calls.map((one) => ({ ...one, service }))),
      (one) => placeOf(one.consumer, one.messageId),
    ),
  }
}

type Parked = Pick<StoryReaction, 'time' | 'attempts' | 'crashes' | 'next' | 'error' | 'letter' | 'group'>

function parkedPart(one: StoryParked | undefined, hiding: Hiding): Parked {
  const nothing = { time: undefined, attempts: undefined, crashes: undefined, next: undefined }
  if (one === undefined) return { ...nothing, error: undefined, letter: undefined, group: undefined }
  const { lastFailure, attempts, crashes, state, wait, error, letter, group, message } = one
  return {
    ...{ time: lastFailure, attempts, crashes: crashes > 0 ? crashes : undefined, next: state === 'waiting' ? wait : undefined },
    error: error === '' ? undefined : hiding.words(error, message),
    letter: state === 'dead' ? letter : undefined,
    group: error === '' ? undefined : group,
  }
}

function answerOf(call: ServiceStory['calls'][number] & { readonly service: string }, hiding: Hiding): StoryAnswer {
  const { service, operation, outcome, body, at } = call
  const about = { service, operation, time: at }
  if (outcome === 'answered') return { ...about, outcome, answer: hiding.answer(service, operation, body) }
  if (outcome === 'refused') return { ...about, outcome, answer: hiding.refusal(service, operation, body) }
  return { ...about, outcome: 'open', answer: undefined }
}

/** A refusal is not recorded by who refused, as it may go well the next time: it stands in what failed, without its data. */
function refusalIn(
  parked: StoryParked | undefined,
  { calls }: SystemReaction,
  {
    host,
    hiding,
    recorded,
  }: { readonly host: Joined['host']; readonly hiding: Hiding; readonly recorded: readonly StoryAnswer[] },
): readonly StoryAnswer[] {
  const declared = declaredIn(parked?.error ?? '')
  if (parked === undefined || declared === undefined || recorded.some(({ outcome }) => outcome === 'refused')) return []
  const { code, status } = declared
  for (const { name: service, operations } of host.contracts.filter(({ name }) => calls.includes(name)))
    for (const [operation, { errors }] of Object.entries(operations as Readonly<Record<string, AnyOperation>>))
      if (Object.values((errors ?? {}) as Readonly<Record<string, { readonly code: string }>>).some((one) => one.code === code)) {
        const message = hiding.words(firstLine(parked.error).replace(/^DeclaredError: /, ''), parked.message)
        return [{ service, operation, outcome: 'refused', answer: { code, message, status }, time: parked.lastFailure ?? 0 }]
      }
  return []
}

/** Of work on a queue the group is the queue's own. Nobody could say: it may be anything. */
function unreadOf(lag: Lag | undefined, { consumer, kind, event }: SystemReaction): number | undefined {
  const own = lag?.consumers.filter((one) => one.kind === kind && one.consumer === consumer && one.topic === event.topic)
  return own === undefined || own.length === 0 ? undefined : own.reduce((sum, one) => sum + (one.unread ?? 0), 0)
}

function kindOf(
  { type }: Message,
  at: FoundMessage | undefined,
  destination: 'topic' | 'queue' | undefined,
  reactions: ReadonlyMap<string, unknown>,
): 'topic' | 'queue' {
  return at?.on ?? destination ?? (reactions.has(`queue ${type}`) && !reactions.has(`topic ${type}`) ? 'queue' : 'topic')
}

function headOf(message: Message) {
  const { id, type, source, key, time, correlationId, causationId, traceparent, initiator, schemaVersion, sequence } = message
  return {
    ...{ id, type, source, key, time, correlationId, causationId, initiator, schemaVersion, sequence },
    traceId: traceparent?.slice(3, 35),
  }
}

function placeIn(found: FoundMessage | undefined): StoryMessage['at'] {
  if (found === undefined) return undefined
  if (found.on === 'queue') return { on: 'queue', queue: found.queue }
  const { topic, partition, position } = found
  return { on: 'topic', topic, partition, position }
}

/** What publishers say beside the data has no schema. */
function withoutCredentials(headers: Message['headers']): Message['headers'] {
  if (headers === undefined) return undefined
  const isSecret = (name: string): boolean => /auth|cookie|token|secret|passw|key/i.test(name)
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, isSecret(name) ? '[secret]' : value]))
}

/** The reaction of its service to what led to it: the one that was done first after the cause and not after it, where there are several. */
function announcerOf({ causedBy, source, time }: StoryMessage, all: readonly StoryMessage[]): string | undefined {
  const own = all.find(({ id }) => id === causedBy)?.reactions.filter(({ service }) => service === source) ?? []
  if (own.length < 2) return own[0]?.consumer
  const done = own.filter((one) => one.state === 'done')
  const nearest = done.toSorted((a, b) => Math.abs((a.time ?? 0) - time) - Math.abs((b.time ?? 0) - time))
  return (nearest[0] ?? own[0])?.consumer
}
