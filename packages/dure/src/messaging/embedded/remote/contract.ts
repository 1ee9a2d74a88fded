import { command, contract, error, query, stream } from '../../../contract/contract.ts'
import type {
  Contract,
  ErrorType,
  Operation,
  OperationInput,
  OperationOutput,
  Retention,
  Schema,
} from '../../../contract/contract.ts'
import type { GroupLag } from '../../adapter.ts'
import type { BrowseOptions, ForgetOptions, Forgotten } from '../../topics.ts'
import { packPart, type Pack } from './pack.ts'
import { flag, list, maybe, number, record, schemaOf, text, word } from './parts.ts'

/**
 * A broker as a service for other processes. Members of groups and receivers of queues belong to a session, and a
 * session to one client process that shows it lives: without a sign of life for as long as its lease (or soon after
 * its stream has broken) the session is over, and what was in its hands goes to others. Whoever comes with a session
 * that is over is refused with SESSION_OVER, opens another and joins again.
 */
export type BrokerContract = Contract<'dure-broker', BrokerOperations>

type Does<In, Out = void, Errors extends OverErrors = {}> = Operation<'command', Schema<In>, OutSchema<Out>, Errors>
type Tells<In, Out> = Operation<'query', Schema<In>, Schema<Out>, {}>
type OutSchema<Out> = Out extends void ? undefined : Schema<Out>
type OverErrors = { readonly SessionOver?: ErrorType<'SESSION_OVER', undefined> }
type Over = { SessionOver: ErrorType<'SESSION_OVER', undefined> }

export type BrokerOperations = {
  readonly declareTopic: Does<TopicRequest>
  readonly publish: Does<{ readonly messages: Pack }>
  readonly send: Does<{ readonly messages: Pack }>
  readonly open: Does<{ readonly name: string }, Opened>
  readonly beat: Does<InSession, { readonly streaming: boolean }, Over>
  readonly close: Does<InSession>
  readonly declareGroup: Does<GroupRequest>
  readonly partitions: Tells<{ readonly topic: string }, Count>
  readonly subscribe: Does<SubscribeRequest, void, Over>
  readonly receive: Does<ReceiveRequest, void, Over>
  readonly leave: Does<InSession & { readonly member: number }, { readonly left: boolean }, Over>
  readonly deliveries: Operation<'stream', Schema<InSession & { readonly have: readonly number[] }>, Schema<Parcels>, Over>
  readonly settle: Does<InSession & { readonly outcomes: readonly Outcome[] }, void, Over>
  readonly seek: Does<SeekRequest>
  readonly forget: Does<ForgetOptions, { readonly forgotten: readonly Forgotten[] }>
  readonly browse: Tells<BrowseOptions, { readonly messages: Pack }>
  readonly lag: Tells<{}, { readonly groups: readonly GroupLag[] }>
  /** -1: for ever. */
  readonly retention: Tells<{ readonly topic: string }, { readonly ms: number }>
}

export type TopicRequest = {
  readonly topic: string
  readonly partitions?: number | undefined
  readonly retention?: { readonly [K in keyof Retention]: number | undefined } | undefined
}
export type InSession = { readonly session: string }
export type Opened = {
  readonly session: string
  /** Milliseconds between signs of life. */
  readonly beat: number
}
export type GroupRequest = {
  readonly group: string
  readonly topics: readonly string[]
  readonly from?: 'beginning' | 'end' | undefined
}
export type SubscribeRequest = InSession & {
  /** The client's number for this member of the group; joining twice with one number is joining once. */
  readonly member: number
  readonly group: string
  readonly topics: readonly string[]
  readonly from?: 'beginning' | 'end' | undefined
  readonly batch?: number | undefined
  /** It wants to hear which partitions are its own. */
  readonly tells?: boolean | undefined
}
export type ReceiveRequest = InSession & {
  readonly member: number
  readonly queue: string
  readonly concurrency?: number | undefined
}
export type SeekRequest = {
  readonly group: string
  readonly topic: string
  readonly to: 'beginning' | 'end' | 'time' | 'position'
  readonly time?: number | undefined
  readonly partition?: number | undefined
  readonly after?: string | undefined
}
export type Count = { readonly count: number }

/** What a member is to take: a batch of one partition, or one message of a queue. Unsettled until it is settled by its number. */
export type Parcel = {
  readonly number: number
  readonly member: number
  readonly topic: string
  readonly partition: number
  readonly messages: Pack
  /** What has become of the partition, instead of messages; undefined of messages. */
  readonly tells?: 'assigned' | 'revoked' | undefined
  readonly epoch?: number | undefined
}
export type Parcels = { readonly parcels: readonly Parcel[] }

/** How a parcel went: done, unless there is an error. */
export type Outcome = {
  readonly number: number
  readonly error?: string | undefined
  readonly errorName?: string | undefined
  /** The position after which it wants to read, of an assignment. */
  readonly after?: string | undefined
}

/** The operation names a session that has ended: its members have lost their partitions. */
export const SessionOver: ErrorType<'SESSION_OVER', undefined> = error('SESSION_OVER', {
  message: 'This session with the broker is over; open another and join again',
})

/** A typed client of this contract, whoever made it. */
export type BrokerClient = {
  readonly [K in keyof BrokerOperations]: BrokerOperations[K] extends Operation<'stream', Schema, Schema, {}>
    ? (input: OperationInput<BrokerOperations[K]>, options?: AskOptions) => AsyncIterable<OperationOutput<BrokerOperations[K]>>
    : (input: OperationInput<BrokerOperations[K]>, options?: AskOptions) => Promise<OperationOutput<BrokerOperations[K]>>
}
/** The part of a call's options that is used here. */
export type AskOptions = { readonly timeout?: number; readonly signal?: AbortSignal }

const session = text
const member = number
const inSession = record<InSession>({ session })
const packed = schemaOf(record<{ readonly messages: Pack }>({ messages: packPart }))
const errors: Over = { SessionOver }
const HOUR = 3_600_000

/**
 * What `brokerHandlers` serves. Publishing and sending are called idempotent though a message that is published twice is
 * there twice: delivery is at least once in any case, and a consumer's inbox knows a message by its id.
 */
export const brokerContract: BrokerContract = contract('dure-broker', {
  version: '1.0.0',
  owner: 'dure',
  description: 'A message broker for the processes of one system.',
  operations: {
    declareTopic: command({
      input: schemaOf(
        record<TopicRequest>({
          topic: text,
          partitions: maybe(number),
          retention: maybe(record<NonNullable<TopicRequest['retention']>>({ ms: maybe(number), bytes: maybe(number) })),
        }),
      ),
      idempotent: true,
    }),
    publish: command({
      input: packed,
      idempotent: true,
      description: 'Answers when all are durable; repeated, they are there twice.',
    }),
    send: command({
      input: packed,
      idempotent: true,
      description: 'Answers when all are durable; repeated, they are there twice.',
    }),
    open: command({
      input: schemaOf(record<{ readonly name: string }>({ name: text })),
      output: schemaOf(record<Opened>({ session, beat: number })),
      description: 'Opens a session: it lives while its client shows that it lives.',
    }),
    beat: command({
      input: schemaOf(inSession),
      output: schemaOf(record<{ readonly streaming: boolean }>({ streaming: flag })),
      errors,
      idempotent: true,
      description: 'A sign of life; answers whether the stream of deliveries is open as the broker sees it.',
    }),
    close: command({ input: schemaOf(inSession), idempotent: true }),
    declareGroup: command({
      input: schemaOf(record<GroupRequest>({ group: text, topics: list(text), from: maybe(word('beginning', 'end')) })),
      idempotent: true,
    }),
    partitions: query({
      input: schemaOf(record<{ readonly topic: string }>({ topic: text })),
      output: schemaOf(record<Count>({ count: number })),
    }),
    subscribe: command({
      input: schemaOf(
        record<SubscribeRequest>({
          session,
          member,
          group: text,
          topics: list(text),
          from: maybe(word('beginning', 'end')),
          batch: maybe(number),
          tells: maybe(flag),
        }),
      ),
      errors,
      idempotent: true,
    }),
    receive: command({
      input: schemaOf(record<ReceiveRequest>({ session, member, queue: text, concurrency: maybe(number) })),
      errors,
      idempotent: true,
    }),
    leave: command({
      input: schemaOf(record<InSession & { readonly member: number }>({ session, member })),
      output: schemaOf(record<{ readonly left: boolean }>({ left: flag })),
      errors,
      idempotent: true,
      description: 'Gives the member nothing more; answers, soon, whether all it had is settled: if not, ask again.',
    }),
    deliveries: stream({
      input: schemaOf(record<InSession & { readonly have: readonly number[] }>({ session, have: list(number) })),
      output: schemaOf(record<Parcels>({ parcels: list(parcelPart()) })),
      errors,
      deadline: HOUR,
      description: 'All parcels of a session that are not settled, but for those it has; replaces the stream before it.',
    }),
    settle: command({
      input: schemaOf(
        record<InSession & { readonly outcomes: readonly Outcome[] }>({
          session,
          outcomes: list(record<Outcome>({ number, error: maybe(text), errorName: maybe(text), after: maybe(text) })),
        }),
      ),
      errors,
      idempotent: true,
    }),
    seek: command({
      input: schemaOf(
        record<SeekRequest>({
          group: text,
          topic: text,
          to: word('beginning', 'end', 'time', 'position'),
          time: maybe(number),
          partition: maybe(number),
          after: maybe(text),
        }),
      ),
    }),
    forget: command({
      input: schemaOf(record<ForgetOptions>({ group: text, topic: maybe(text), reason: text, by: maybe(text) })),
      output: schemaOf(
        record<{ readonly forgotten: readonly Forgotten[] }>({
          forgotten: list(record<Forgotten>({ topic: text, unread: number })),
        }),
      ),
    }),
    browse: query({
      input: schemaOf(record<BrowseOptions>({ topic: text, partition: number, after: maybe(text), limit: number })),
      output: packed,
      description: 'The first of what there is after a position; fewer than asked for when they are large.',
    }),
    lag: query({
      input: schemaOf(record<{}>({})),
      output: schemaOf(
        record<{ readonly groups: readonly GroupLag[] }>({
          groups: list(
            record<GroupLag>({
              group: text,
              topic: text,
              partition: number,
              lag: number,
              members: maybe(number),
              lost: maybe(number),
              since: maybe(number),
            }),
          ),
        }),
      ),
    }),
    retention: query({
      input: schemaOf(record<{ readonly topic: string }>({ topic: text })),
      output: schemaOf(record<{ readonly ms: number }>({ ms: number })),
    }),
  },
})

function parcelPart() {
  return record<Parcel>({
    number,
    member,
    topic: text,
    partition: number,
    messages: packPart,
    tells: maybe(word('assigned', 'revoked')),
    epoch: maybe(number),
  })
}
