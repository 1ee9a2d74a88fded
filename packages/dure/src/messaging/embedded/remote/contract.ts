import { command, contract, error, stream } from '../../../contract/contract.ts'
import { OPERATE } from '../../../contract/internal.ts'
import type { Contract, ErrorType, Operation, OperationInput, OperationOutput, Schema } from '../../../contract/contract.ts'
import { packPart, type Pack } from './pack.ts'
import { flag, list, maybe, number, record, schemaOf, text, word } from './parts.ts'

/**
 * A broker as a service for other processes. Members of groups and receivers of queues belong to a session, and a
 * session to one client process that shows it lives: without a sign of life for as long as its lease (or soon after
 * its stream has broken) the session is over, and what was in its hands goes to others. Whoever comes with a session
 * that is over is refused with SESSION_OVER, opens another and joins again.
 */
export type BrokerContract = Contract<'dure-broker', BrokerOperations>

type CommandOf<In, Out = void, Errors extends OverErrors = {}> = Operation<'command', Schema<In>, OutSchema<Out>, Errors>
type OutSchema<Out> = Out extends void ? undefined : Schema<Out>
type OverErrors = { readonly SessionOver?: ErrorType<'SESSION_OVER', undefined> }
type Over = { SessionOver: ErrorType<'SESSION_OVER', undefined> }

export type BrokerOperations = {
  /** What needs no session: any of `REQUESTS`. */
  readonly request: CommandOf<BrokerRequest, { readonly answer: string }>
  readonly publish: CommandOf<{ readonly messages: Pack }>
  readonly send: CommandOf<{ readonly messages: Pack }>
  readonly open: CommandOf<{ readonly name: string }, Opened>
  readonly beat: CommandOf<InSession, { readonly streaming: boolean }, Over>
  readonly close: CommandOf<InSession>
  readonly subscribe: CommandOf<SubscribeRequest, void, Over>
  readonly receive: CommandOf<ReceiveRequest, void, Over>
  readonly leave: CommandOf<InSession & { readonly member: number }, { readonly left: boolean }, Over>
  readonly deliveries: Operation<'stream', Schema<InSession & { readonly have: readonly number[] }>, Schema<Batches>, Over>
  readonly settle: CommandOf<InSession & { readonly outcomes: readonly Outcome[] }, void, Over>
}

/** Methods of the ports that need no session: asked for by name, with their arguments and what they answer as JSON. */
export const REQUESTS = [
  'declareTopic',
  'declareGroup',
  'partitions',
  'lag',
  'retention',
  'seek',
  'forget',
  'browse',
  'find',
] as const
export type BrokerRequest = { readonly method: (typeof REQUESTS)[number]; readonly args: string }

/** JSON in which numbers that it does not know are words: who takes numbers refuses them, as it refuses the numbers. */
export function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'number' && !Number.isFinite(part) ? String(part) : part))
}

export type InSession = { readonly session: string }
export type Opened = {
  readonly session: string
  /** Milliseconds between signs of life. */
  readonly beat: number
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
/** What a member is to take: a batch of one partition, or one message of a queue. Unsettled until it is settled by its number. */
export type Batch = {
  readonly number: number
  readonly member: number
  readonly topic: string
  readonly partition: number
  readonly messages: Pack
  /** What has become of the partition, instead of messages; undefined of messages. */
  readonly tells?: 'assigned' | 'revoked' | undefined
  readonly epoch?: number | undefined
  readonly broker?: string | undefined
}
export type Batches = { readonly batches: readonly Batch[] }

/** How a batch went: done, unless there is an error. */
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

const scope = OPERATE
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
    request: command({
      scope,
      input: schemaOf(record<BrokerRequest>({ method: word(...REQUESTS), args: text })),
      output: schemaOf(record<{ readonly answer: string }>({ answer: text })),
      description: 'One of the methods that need no session; arguments and answer are JSON.',
    }),
    publish: command({
      scope,
      input: packed,
      idempotent: true,
      description: 'Answers when all are durable; repeated, they are there twice.',
    }),
    send: command({
      scope,
      input: packed,
      idempotent: true,
      description: 'Answers when all are durable; repeated, they are there twice.',
    }),
    open: command({
      scope,
      input: schemaOf(record<{ readonly name: string }>({ name: text })),
      output: schemaOf(record<Opened>({ session, beat: number })),
      description: 'Opens a session: it lives while its client shows that it lives.',
    }),
    beat: command({
      scope,
      input: schemaOf(inSession),
      output: schemaOf(record<{ readonly streaming: boolean }>({ streaming: flag })),
      errors,
      idempotent: true,
      description: 'A sign of life; answers whether the stream of deliveries is open as the broker sees it.',
    }),
    close: command({ scope, input: schemaOf(inSession), idempotent: true }),
    subscribe: command({
      scope,
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
      scope,
      input: schemaOf(record<ReceiveRequest>({ session, member, queue: text, concurrency: maybe(number) })),
      errors,
      idempotent: true,
    }),
    leave: command({
      scope,
      input: schemaOf(record<InSession & { readonly member: number }>({ session, member })),
      output: schemaOf(record<{ readonly left: boolean }>({ left: flag })),
      errors,
      idempotent: true,
      description: 'Gives the member nothing more; answers, soon, whether all it had is settled: if not, ask again.',
    }),
    deliveries: stream({
      scope,
      input: schemaOf(record<InSession & { readonly have: readonly number[] }>({ session, have: list(number) })),
      output: schemaOf(record<Batches>({ batches: list(batchPart()) })),
      errors,
      deadline: HOUR,
      description: 'All batches of a session that are not settled, but for those it has; replaces the stream before it.',
    }),
    settle: command({
      scope,
      input: schemaOf(
        record<InSession & { readonly outcomes: readonly Outcome[] }>({
          session,
          outcomes: list(record<Outcome>({ number, error: maybe(text), errorName: maybe(text), after: maybe(text) })),
        }),
      ),
      errors,
      idempotent: true,
    }),
  },
})

function batchPart() {
  return record<Batch>({
    number,
    member,
    topic: text,
    partition: number,
    messages: packPart,
    tells: maybe(word('assigned', 'revoked')),
    epoch: maybe(number),
    broker: maybe(text),
  })
}
