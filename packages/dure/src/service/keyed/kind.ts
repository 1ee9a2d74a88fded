import type { Kysely } from 'kysely'
import type { CallContext } from '../../call/call.ts'
import { EndedElsewhere, isSafeToRepeat, NOT_BEGUN, type Cancellation, type ServedInput } from '../../call/internal.ts'
import { CallError, type AnyOperation } from '../../contract/contract.ts'
import { describeThrown } from '../../contract/internal.ts'
import type { SqlTransaction, StoreTransaction } from '../../data/data.ts'
import { partitionOf } from '../../messaging/adapter.ts'
import { FAMILIES, type Reading } from '../../telemetry/telemetry.ts'
import { callOf, offeredIn } from '../context.ts'
import type { Extension, ExtensionHost, ExtensionKind } from '../definition.ts'
import { SHARES } from './assignment.ts'
import type { AnyKeyedState } from './definition.ts'
import type { HeldShare } from './held-shares.ts'
import { createRuns, type AroundTransactions, type Run } from './runs.ts'
import { migrations } from './share-records.ts'
import { ownShares, sharedShares, type Shares } from './shares.ts'
import { createWarmStates, type WarmStates } from './warm-states.ts'

/** Milliseconds after which a copy that says nothing is taken for dead. */
const LEASE = 3_000
/** Milliseconds that a call keeps of its time to say that no copy has its key. */
const SPARE = 100
/** Characters of a key, at most. */
const KEY_LIMIT = 1_024
/** Before the name of an operation: of a call that another copy hands on, which is not handed on again. */
export const HANDED_ON = 'dure.keyed.'

/** The keyed operations of one running service. */
export type Keyed = {
  /** What stands around calls of an operation; `final`: of those that were handed on. */
  readonly around: (name: string, operation: AnyOperation, final: boolean) => (call: ServedInput, run: () => unknown) => unknown
  /** Around the transactions of a call, where it is at work on a key. */
  readonly transactionsOf: (call: CallContext) => AroundTransactions | undefined
  readonly stateOf: (state: AnyKeyedState, context: object) => Promise<unknown>
  readonly stage: (tx: StoreTransaction, state: AnyKeyedState, value: unknown) => void
  /** Calls that were handed on to another copy so far. */
  readonly handedOn: () => number
}

/** The member of a transaction by which a state finds the one that it is said in. */
const TRANSACTION: unique symbol = Symbol('transaction')

export const keyedKind: ExtensionKind = {
  name: 'keyed state',
  migrations,
  open: async (host, values) => {
    const { runtime, store, log, instance } = host
    const shares =
      store.sharing === 'exclusive' ? ownShares(runtime) : sharedShares({ store, runtime, log, instance, lease: LEASE })
    const states = (values as readonly Partial<AnyKeyedState>[]).filter((one): one is AnyKeyedState => one.load !== undefined)
    const warm = new Map(states.map((state) => [state, createWarmStates({ runtime, ...state })] as const))
    const keyed = createKeyed(host, shares, warm)
    host.offer(keyedKind, keyed)
    return {
      join: (raw) => ({ [TRANSACTION]: { raw, keyed } }),
      listen: async () => shares.listen(),
      readings: () => readingsOf(shares, keyed, warm),
      stop: async (how) => {
        await shares.stop(how)
        for (const each of warm.values()) each.stop()
      },
    }
  },
}

/** Of what the extensions of a service have offered; undefined when it has no operations with a key. */
export function keyedIn(offered: ReadonlyMap<object, unknown>): Keyed | undefined {
  return offered.get(keyedKind) as Keyed | undefined
}

/** What a service lists that has operations with a key, beside what it says itself. */
export const keyedOperations: Extension = { kind: keyedKind, name: 'keyed operations' }

type World = Pick<ExtensionHost, 'service' | 'runtime' | 'store' | 'toInstance'>

function createKeyed(host: World, shares: Shares, warm: ReadonlyMap<AnyKeyedState, WarmStates>): Keyed {
  const { clock } = host.runtime
  const runs = createRuns(shares, warm)
  let handed = 0

  const here = (held: HeldShare, key: string, place: string, call: ServedInput, work: () => unknown) => {
    const run: Run = { key, place, held, over: false, open: 0, failed: false, states: new Map() }
    return runs.take(run, call, work)
  }

  /** Where it is another copy's, or nobody's for now. */
  const elsewhere = async (name: string, operation: AnyOperation, share: number, { input, call, own }: ServedInput) => {
    const owner = shares.ownerOf(share)
    if (owner?.instance === undefined) return { error: undefined, again: owner === undefined }
    handed++
    try {
      const sent = handedOn(call, own, clock.monotonic())
      const value = await host.toInstance(owner.instance, `${HANDED_ON}${name}`).call(input, sent)
      return new EndedElsewhere(undefined, value)
    } catch (error) {
      // What has no room is told; who cannot be reached, or does not have the key, is looked for.
      const away = isSafeToRepeat(error, operation.idempotent) && (error as CallError).code === 'UNAVAILABLE'
      return away ? { error, again: true } : new EndedElsewhere(error as Error, undefined)
    }
  }

  const around: Keyed['around'] = (name, operation, final) => {
    const place = `${host.service}.${name}`
    return async (served, work) => {
      const { call, own } = served
      const key = keyOf(operation, place, served.parsed)
      const share = shares.records === undefined ? 0 : partitionOf(key, SHARES)
      for (;;) {
        const held = shares.held(share)
        const came = held === undefined ? 'moved' : await here(held, key, place, served, work)
        if (typeof came === 'object') return came.result
        if (came === 'full') return refused(place, key, 'RESOURCE_EXHAUSTED', 'too many calls of it wait')
        // One that was handed on has been here once, and whoever did it looks again.
        if (final) return refused(place, key, 'UNAVAILABLE', 'it is no key of this copy')
        const other = held === undefined ? await elsewhere(name, operation, share, served) : { error: undefined, again: true }
        if (other instanceof EndedElsewhere) return other
        const look = other.again && own.reason === undefined ? shares.look() : undefined
        if (look !== undefined) await look
        if (look !== undefined && clock.monotonic() + SPARE < call.deadline) continue
        if (other.error !== undefined) return new EndedElsewhere(other.error as Error, undefined)
        return refused(place, key, 'UNAVAILABLE', 'the copy that has it cannot be reached from here, or no copy has it for now')
      }
    }
  }

  return {
    around,
    transactionsOf: (call) => {
      const run = runs.of(call)
      return run && runs.around(run)
    },
    stateOf: async (state, context) => {
      const run = runs.of(callOf(context))
      const states = warm.get(state)
      if (run === undefined || states === undefined) throw noState(state)
      const { key, held } = run
      const load = async (): Promise<unknown> => {
        const found = states.get(key, held)
        if (found !== undefined) return found.value
        const value = await state.load(key, host.store.read as Kysely<unknown> as never)
        if (!run.over && shares.holds(held)) states.put(key, held, value)
        return value
      }
      if (!run.states.has(state)) run.states.set(state, load())
      return run.states.get(state)
    },
    stage: runs.stage,
    handedOn: () => handed,
  }
}

function readingsOf(shares: Shares, keyed: Keyed, warm: ReadonlyMap<AnyKeyedState, WarmStates>): readonly Reading[] {
  const states = [...warm].flatMap(([{ name }, one]) => {
    const attributes = { 'dure.keyed.state': name }
    const { states: value, bytes } = one.size()
    return [
      { family: FAMILIES.keyedStates, attributes, value },
      { family: FAMILIES.keyedStatesSize, attributes, value: bytes },
    ]
  })
  return [
    { family: FAMILIES.keyShares, attributes: {}, value: shares.open() },
    ...(shares.records === undefined ? [] : [{ family: FAMILIES.keysHandedOn, attributes: {}, value: keyed.handedOn() }]),
    ...states,
  ]
}

function keyOf(operation: AnyOperation, place: string, input: unknown): string {
  let key: unknown
  try {
    key = operation.key!(input as never)
  } catch (error) {
    throw noKey(place, `its "key" failed: ${describeThrown(error).words}`)
  }
  if (typeof key !== 'string')
    throw noKey(place, `its "key" is of type ${key === null ? 'null' : typeof key}, and has to be a text`)
  if (key.length > KEY_LIMIT) throw noKey(place, `its "key" has ${key.length} characters, and may have ${KEY_LIMIT}`)
  return key
}

/** The same call on its way to another copy. */
function handedOn(call: CallContext, own: Cancellation, now: number): CallContext {
  const { deadline, correlationId, causationId, traceparent, tracestate, caller, idempotencyKey, principal, metadata } = call
  const same = { deadline, correlationId, causationId, traceparent, tracestate, caller, idempotencyKey, principal, metadata }
  return { ...same, sentAt: now, cancellation: own }
}

/** It has not begun, so it may be sent again whatever it is. */
function refused(place: string, key: string, code: 'UNAVAILABLE' | 'RESOURCE_EXHAUSTED', why: string): EndedElsewhere {
  const words = `Call to ${place} with key ${JSON.stringify(key.slice(0, 100))} was not begun: ${why}; try again later`
  return new EndedElsewhere(new CallError(code, words, { details: NOT_BEGUN }), undefined)
}

function noKey(place: string, why: string): CallError {
  return new CallError('INVALID_ARGUMENT', `Call to ${place} was refused: ${why}`)
}

function noState({ name }: AnyKeyedState): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `Reading the keyed state "${name}" was refused: the context is none of a keyed operation of a service that lists it. To do: list it among the "extensions", and give the context that the handler received`,
    { inside: true },
  )
}

/** @throws {CallError} FAILED_PRECONDITION in any other context */
export function stateOf(state: AnyKeyedState, context: object): Promise<unknown> {
  const keyed = offeredIn(context, keyedKind) as Keyed | undefined
  if (keyed === undefined) throw noState(state)
  return keyed.stateOf(state, context)
}

export function stageState(state: AnyKeyedState, tx: object, value: unknown): void {
  const found = (tx as { readonly [TRANSACTION]?: { readonly raw: SqlTransaction; readonly keyed: Keyed } })[TRANSACTION]
  if (found === undefined) throw noState(state)
  found.keyed.stage(found.raw, state, value)
}
