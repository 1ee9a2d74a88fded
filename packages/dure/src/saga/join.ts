import { CallError, type AnyEvent, type AnyRequest, type DeclaredError } from '../contract/contract.ts'
import { parserOf } from '../contract/internal.ts'
import type { Origin, SqlTransaction } from '../data/data.ts'
import type { ReceivedEvent, Reply } from '../service/service.ts'
import type { AnySaga, SagaTransaction } from './definition.ts'
import { digest, errorToJson, fromJson, toJson, type Entry } from './history.ts'
import type { Instance, InstanceFacts, InstanceId } from './records.ts'
import type { Operation } from './replay.ts'
import type { SagaWorld } from './world.ts'

const ARRIVALS = Symbol('arrivals')

/** What sagas hear of by messages, in the transaction of the reaction. */
type Arrivals = {
  readonly event: (saga: AnySaga, event: ReceivedEvent<AnyEvent>) => Promise<void>
  readonly reply: (reply: Reply<AnyRequest>) => Promise<void>
}

export function arrivalsOf(tx: object): Arrivals {
  return (tx as { readonly [ARRIVALS]: Arrivals })[ARRIVALS]
}

/** What sagas join to one transaction. */
export function joinTransaction(world: SagaWorld, tx: SqlTransaction, origin: Origin): SagaTransaction {
  const arrive = async (mail: Parameters<typeof records.deliver>[1]): Promise<void> => {
    if (await records.deliver(tx, mail)) tx.onCommit(hands.look)
  }
  const { records, host, hands } = world
  /** Of many that one transaction begins, one is in hand at once: nobody hears of a transaction that does not commit. */
  let begun = 0
  return {
    begin: async (saga, input, { id }) => {
      listed(world, saga)
      const parsed = await parsedInput(saga, input)
      const { correlationId, causationId, traceparent, initiator } = origin
      const about = { saga: saga.name, id: checkedId(saga, id), version: saga.version, parent: null }
      const facts = {
        ...about,
        input: toJson(input, `the input of saga "${saga.name}"`),
        correlationId,
        causationId,
        traceparent,
        initiator,
      }
      const owner = begun++ === 0 && hands.room() > 0 ? host.store.member : null
      const deadline = saga.deadline
      if (await records.insert(tx, facts, { owner, deadline })) {
        tx.onCommit(() => (owner === null ? hands.look() : hands.take(newInstance(world, facts, deadline))))
        return true
      }
      await sameInput(world, tx, saga, id, parsed)
      return false
    },
    signal: async (saga, id, name, ...[data]) => {
      listed(world, saga)
      await sendSignal(world, tx, { saga, id, name, data })
    },
    ...({
      [ARRIVALS]: {
        event: (saga, { id: messageId, type, key, data }) => {
          const address = digest(`event\n${saga.name}\n${type}\n${key}`)
          return arrive({ address, messageId, data: toJson(data, `the event "${type}"`) })
        },
        reply: (reply) => {
          const { request: messageId } = reply
          const data = reply.ok ? toJson(reply.value, 'a reply') : REFUSED + errorToJson(reply.error as DeclaredError)
          return arrive({ address: replyAddress(messageId), messageId, data })
        },
      } satisfies Arrivals,
    } as {}),
  }
}

/** What has come says of itself that it is a refusal. */
export const REFUSED = '!'
/** Keeps a signal for an instance. */
export async function sendSignal(
  { records, host, hands }: SagaWorld,
  tx: SqlTransaction,
  { saga, id, name, data }: { readonly saga: AnySaga; readonly id: string; readonly name: string; readonly data: unknown },
): Promise<void> {
  const failed = `Sending signal "${name}" to saga "${saga.name}" with id "${id}" failed`
  if (!Object.hasOwn(saga.signals, name)) {
    const known = Object.keys(saga.signals).map((one) => `"${one}"`)
    throw new CallError('INVALID_ARGUMENT', `${failed}: it knows ${known.length === 0 ? 'none' : known.join(', ')}`)
  }
  const result = await parserOf(saga.signals[name], 'input')(data)
  if (!result.ok)
    throw new CallError('INVALID_ARGUMENT', `${failed}: ${wordsOf(result.issues)}`, { details: { issues: result.issues } })
  const found = await records.find(tx, { saga: saga.name, id })
  if (found === undefined)
    throw new CallError('NOT_FOUND', `${failed}: there is no such instance. To do: begin it first, or check the id`)
  if (found.state === 'completed' || found.state === 'compensated')
    throw new CallError('FAILED_PRECONDITION', `${failed}: it has ended (${found.state}), and hears nothing any more`)
  const to = { saga: saga.name, id }
  const mail = { address: signalAddress(to, name), messageId: host.runtime.ids.next(), to }
  await records.deliver(tx, { ...mail, data: toJson(result.value, `the signal "${name}"`) })
  tx.onCommit(hands.look)
}

/** Begins a child in the transaction in which its parent begins to wait for it. */
export async function beginChild(
  world: SagaWorld,
  tx: SqlTransaction,
  { parent, address, operation }: { readonly parent: Instance; readonly address: string; readonly operation: Operation },
): Promise<void> {
  const saga = operation.options.saga!
  const { correlationId, traceparent, initiator } = parent
  const about = {
    ...childOf(parent, operation),
    version: saga.version,
    correlationId,
    causationId: parent.id,
    traceparent,
    initiator,
  }
  const input = toJson(operation.options.input, `the input of saga "${saga.name}"`)
  const told: Parent = { saga: parent.saga, id: parent.id, address }
  await world.records.insert(tx, { ...about, input, parent: JSON.stringify(told) }, { owner: null, deadline: saga.deadline })
  tx.onCommit(world.hands.look)
}

/** Whom a child tells of its end, and where that one looks. */
export type Parent = InstanceId & { readonly address: string }

export function childOf({ id }: InstanceId, { name, options }: Operation): InstanceId {
  return { saga: options.saga!.name, id: `${id}/${name}` }
}

/** Where what an operation waits for arrives. */
export function addressOf(
  { saga, id }: InstanceId,
  { kind, name, options }: Operation,
  { result }: Pick<Entry, 'result'>,
): string {
  if (kind === 'request') return replyAddress(JSON.parse(result!) as string)
  if (kind === 'event') return digest(`event\n${saga}\n${options.event!.name}\n${options.key}`)
  return kind === 'signal' ? signalAddress({ saga, id }, options.key!) : digest(`child\n${saga}\n${id}\n${name}`)
}

export function replyAddress(request: string): string {
  return digest(`reply\n${request}`)
}

function signalAddress({ saga, id }: InstanceId, name: string): string {
  return digest(`signal\n${saga}\n${id}\n${name}`)
}

/** The value that a saga's code is given. @throws {CallError} INVALID_ARGUMENT when it is none */
export async function parsedInput(saga: AnySaga, input: unknown): Promise<unknown> {
  const result = await parserOf(saga.input, 'input')(input)
  if (result.ok) return result.value
  throw new CallError(
    'INVALID_ARGUMENT',
    `Cannot begin saga "${saga.name}": its input does not match: ${wordsOf(result.issues)}`,
    {
      details: { issues: result.issues },
    },
  )
}

/** Of an instance that was begun before, perhaps with another version. @throws when it is none of this one */
export async function storedInput(saga: AnySaga, { version, input }: Pick<Instance, 'version' | 'input'>): Promise<unknown> {
  let value = fromJson(input)
  for (let at = version; at < saga.version; at++) {
    const upcast = saga.upcast[at]
    if (upcast !== undefined) value = upcast(value as never)
  }
  return parsedInput(saga, value)
}

/** @throws {CallError} FAILED_PRECONDITION when an instance was begun with another input */
async function sameInput({ records }: SagaWorld, tx: SqlTransaction, saga: AnySaga, id: string, parsed: unknown): Promise<void> {
  const found = await records.find(tx, { saga: saga.name, id })
  const before = found && (await storedInput(saga, found).catch(() => undefined))
  if (toJson(before, 'the input') === toJson(parsed, 'the input')) return
  throw new CallError(
    'FAILED_PRECONDITION',
    `Cannot begin saga "${saga.name}" with id "${id}": it was begun before with another input. To do: use another id`,
  )
}

function newInstance({ host }: SagaWorld, facts: InstanceFacts, deadline: number | undefined): Instance {
  const deadlineAt = deadline === undefined ? null : host.runtime.clock.now() + deadline
  const rest = { failure: null, deadlineAt, deadlineIn: deadline ?? Infinity, remaining: null, path: '' }
  return { ...facts, ...rest, epoch: 1, state: 'running', crashes: 0 }
}

function listed({ sagas, host }: SagaWorld, saga: AnySaga): void {
  if (sagas.get(saga.name) === saga) return
  throw new CallError(
    'FAILED_PRECONDITION',
    `Saga "${saga.name}" is not one of service "${host.service}". To do: list it among the service's "extensions"`,
    { inside: true },
  )
}

function checkedId(saga: AnySaga, id: string): string {
  if (typeof id === 'string' && id.length > 0 && id.length <= 200 && id.isWellFormed() && !id.includes('\0')) return id
  throw new CallError('INVALID_ARGUMENT', `Cannot begin saga "${saga.name}": its id must be a text of 1 to 200 characters`)
}

function wordsOf(issues: readonly { readonly path: readonly unknown[]; readonly message: string }[]): string {
  const [first] = issues
  if (first === undefined) return 'no reason was given'
  return `${first.path.length === 0 ? '' : `at "${first.path.join('.')}": `}${first.message}`
}
