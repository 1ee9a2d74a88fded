import { DeleteResult, InsertResult, UpdateResult } from 'kysely'
import type { CallContext } from '../call/call.ts'
import { Cancellation } from '../call/internal.ts'
import { CallError, DeclaredError } from '../contract/contract.ts'
import { describeThrown, parserOf, servicePrincipal } from '../contract/internal.ts'
import type { Origin } from '../data/data.ts'
import { NonRetryableError, retryPolicy, type RetryPolicy } from '../messaging/messaging.ts'
import { backoff, inTime } from '../runtime/internal.ts'
import { heldKey, preparedKeys, type Requesting } from '../service/internal.ts'
import { errorToJson, NOTHING, toJson, type Entry } from './history.ts'
import { addressOf, beginChild, REFUSED } from './join.ts'
import { Fenced, MARKED, Unfit, type Pen } from './pen.ts'
import type { Instance } from './records.ts'
import { described, type Operation, type OperationOptions } from './replay.ts'
import { Again, type Tail } from './tail.ts'
import type { SagaWorld } from './world.ts'

/** One run of one instance, as its operations have it. */
export type Running = {
  readonly world: SagaWorld
  readonly instance: Instance
  readonly pen: Pen
  /** Its own end: the service stops. */
  readonly cancellation: Cancellation
  /** Milliseconds until it has to be over. */
  readonly left: () => number
  readonly tail: Tail
}

/** Milliseconds up to which a pause between tries is waited for in memory. */
const IN_MEMORY = 1_000
/** Milliseconds of one try unless its step says otherwise: of calls, and of a transaction. */
const [CALL_TIMEOUT, ROWS_TIMEOUT] = [30_000, 5_000]

/** Does what is asked for. Resolves with what it has become; with undefined when the instance has been let go of. */
export async function perform(running: Running, operation: Operation, known: Entry | undefined): Promise<Entry | undefined> {
  const { kind, name, schema, position, undo } = operation
  const blank: Entry = { kind, name, schema, position, undo, state: 'begun', tries: 0, result: null, error: null }
  if (kind === 'step') {
    // Before it does anything: whether it can be undone is known by then.
    if (known === undefined) await running.pen.note([blank], { well: true })
    return tryStep(running, operation, known ?? blank)
  }
  if (kind === 'rows') return running.tail.step((told) => tryStep(running, operation, known ?? blank, told))
  return kind === 'sleep' ? sleep(running, operation, known ?? blank) : wait(running, operation, known ?? blank)
}

async function tryStep(running: Running, operation: Operation, begun: Entry, told?: Told): Promise<Entry | undefined> {
  const { pen, cancellation } = running
  const retry = policyOf(operation)
  for (let entry = begun; ;) {
    try {
      if (told !== undefined) return await inRows(running, operation, entry, told)
      const value = await callOut(running, operation, operation.name, (context) => operation.options.do!(context as never))
      return pen.later({ ...entry, state: 'done', result: await resultOf(operation, value), error: null })
    } catch (error) {
      // Where it stands still is to be seen.
      if (error instanceof Unfit) pen.later({ ...entry, error: error.message })
      if (error instanceof Fenced || error instanceof Unfit || error instanceof Again || cancellation.reason !== undefined)
        throw error
      if (error instanceof DeclaredError) return pen.later({ ...entry, state: 'refused', error: errorToJson(error) })
      const again = await failed(running, entry, { error, retry, what: described(operation) })
      if (again === undefined) return undefined
      entry = again
    }
  }
}

type Told = Parameters<Parameters<Tail['step']>[0]>[0]

/** The rows of a step and what it came to commit together. */
function inRows({ world, instance, pen }: Running, operation: Operation, begun: Entry, told: Told): Promise<Entry> {
  const { host } = world
  const { timeout = ROWS_TIMEOUT, transaction } = operation.options
  return pen.step(async (tx) => {
    const value = await transaction!(host.bind(tx, originOf(host.service, instance)) as never)
    const entry: Entry = { ...begun, state: 'done', result: await resultOf(operation, value), error: null }
    return { entry, end: await told(entry) }
  }, timeout)
}

/** Notes that a try has failed, and waits for the next; undefined when that is not in memory. @throws {Unfit} after the last */
export async function failed(
  { world, pen, cancellation }: Pick<Running, 'world' | 'pen' | 'cancellation'>,
  entry: Entry,
  { error, retry, what }: { readonly error: unknown; readonly retry: RetryPolicy; readonly what: string },
  note: (entry: Entry) => Promise<void> = (next) => pen.note([next], { well: true }),
): Promise<Entry | undefined> {
  const { random, timers } = world.host.runtime
  const { words } = describeThrown(error)
  const next: Entry = { ...entry, tries: entry.tries + 1, error: words.slice(0, 4_000) }
  if (isFinal(error) || next.tries >= retry.attempts) {
    await note(next)
    throw new Unfit(`${what} failed ${next.tries} times; the last error was: ${words.slice(0, 2_000)}`)
  }
  const pause = backoff(retry, next.tries, random)
  if (pause > IN_MEMORY && entry.state === 'begun') return pen.rest([next], pause)
  await note(next)
  await timers.sleep(pause, cancellation.signal)
  return next
}

/** No further try can go otherwise: what was asked for is done, and what it came to is not known. */
function isFinal(error: unknown): boolean {
  return error instanceof NonRetryableError || (error instanceof CallError && error.code === 'ALREADY_EXISTS')
}

/** Calls of a step, or of its undo: within its time, each under a key that is the same when it is made again. */
export async function callOut<T>(
  { world, instance, cancellation, left }: Pick<Running, 'world' | 'instance' | 'cancellation' | 'left'>,
  operation: Operation,
  step: string,
  work: (context: object) => T | Promise<T>,
): Promise<T> {
  const { service, runtime } = world.host
  const own = new Cancellation()
  const ms = Math.max(1, Math.min(operation.options.timeout ?? CALL_TIMEOUT, left()))
  const key = heldKey(`${service}/saga/${instance.saga}/${instance.id}/${step}`)
  const sentAt = runtime.clock.monotonic()
  const call: CallContext = {
    ...{ sentAt, deadline: sentAt + ms, cancellation: own, metadata: undefined, caller: service, idempotencyKey: key },
    ...{ correlationId: instance.correlationId, causationId: instance.causationId, traceparent: instance.traceparent },
    // Whoever began it may no longer be allowed to by now.
    principal: servicePrincipal(service, instance.initiator),
  }
  const stopping = Promise.withResolvers<never>()
  const ear = {
    onCancel: () => {
      own.cancel('stopping')
      stopping.reject(new CallError('CANCELLED', 'The service is stopping'))
    },
  }
  cancellation.add(ear)
  try {
    const context = world.contexts(world.sagas.get(instance.saga)!)(
      call,
      own,
      world.keys.noting(instance, step, preparedKeys(key)),
    )
    const working = Promise.race([(async () => work(context))(), stopping.promise])
    return await inTime(runtime.timers, ms, working, () => {
      own.cancel('deadline')
      throw new CallError('DEADLINE_EXCEEDED', `It was given up after ${Math.round(ms)} ms`)
    })
  } finally {
    cancellation.remove(ear)
    own.over()
  }
}

function sleep({ instance, pen }: Running, { options }: Operation, entry: Entry): Promise<Entry | undefined> {
  if (entry.state !== 'waiting') return pen.rest([{ ...entry, state: 'waiting' }], options.ms!)
  const left = instance.remaining ?? 0
  return left > 0 ? pen.rest([], left) : Promise.resolve(pen.later({ ...entry, state: 'done', result: NOTHING }))
}

/** Takes what has come, or lets go of the instance until it comes; a child and a request begin in that transaction. */
async function wait({ world, instance, pen }: Running, operation: Operation, before: Entry): Promise<Entry | undefined> {
  const { records, host, hands } = world
  const { timeout, request, input } = operation.options
  const waited = before.state === 'waiting'
  const ms = waited ? instance.remaining : (timeout ?? null)
  let dueIn: number | null = null
  const next = await host.store.transaction(async (tx): Promise<Entry> => {
    let entry: Entry = { ...before, state: 'waiting' }
    if (request !== undefined && !waited) {
      const bound = host.bind(tx, originOf(host.service, instance)) as unknown as Requesting
      entry = { ...entry, result: JSON.stringify(await bound.request(request, input as never)) }
    }
    const address = addressOf(instance, operation, entry)
    if (operation.kind === 'child' && !waited) await beginChild(world, tx, { parent: instance, address, operation })
    const come = await records.take(tx, instance, address)
    const late = waited && timeout !== undefined && ms !== null && ms <= 0
    const over = come !== undefined ? outcomeOf(come) : late ? { state: 'done' as const, result: NOTHING } : undefined
    const rest = pen.resting(ms, address)
    dueIn = rest.dueIn
    const known: Entry = { ...entry, ...over }
    await pen.write(tx, [known], { well: true, ...(over === undefined && { rest }) })
    return known
  }, MARKED)
  pen.written([next])
  if (next.state !== 'waiting') return next
  if (dueIn !== null) hands.due(dueIn)
  return undefined
}

function outcomeOf(data: string): Pick<Entry, 'state'> & Partial<Entry> {
  return data.startsWith(REFUSED) ? { state: 'refused', error: data.slice(REFUSED.length) } : { state: 'done', result: data }
}

/** @throws {Unfit} when it is not what the step says, or nothing that can be kept */
async function resultOf(operation: Operation, value: unknown): Promise<string> {
  const { output } = operation.options as OperationOptions
  const what = `the result of ${described(operation)}`
  const parsed = output === undefined ? undefined : await parserOf(output, 'output')(value)
  if (parsed?.ok === false) throw new Unfit(`Cannot keep ${what}: it is not of its schema: ${parsed.issues[0]?.message ?? ''}`)
  try {
    return toJson(parsed === undefined ? plainRows(value) : parsed.value, what)
  } catch (error) {
    throw new Unfit((error as Error).message)
  }
}

/** What statements that write answer with is of classes; its fields are plain. */
function plainRows(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainRows)
  return WRITTEN.some((type) => value instanceof type) ? { ...(value as object) } : value
}

const WRITTEN = [InsertResult, UpdateResult, DeleteResult] as const

export function policyOf(operation: Operation): RetryPolicy {
  try {
    return retryPolicy(operation.options.retry)
  } catch (error) {
    throw new Unfit(`${described(operation)}: ${(error as Error).message}`)
  }
}

export function originOf(service: string, { correlationId, causationId, traceparent, initiator }: Instance): Origin {
  return { service, correlationId, causationId, traceparent, initiator }
}
