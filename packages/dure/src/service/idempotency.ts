import { createHash } from 'node:crypto'
import type { CallContext } from '../call/call.ts'
import type { CancelListener, Cancellation } from '../call/internal.ts'
import { CallError, DeclaredError, type AnyOperation } from '../contract/contract.ts'
import { wireOf } from '../contract/internal.ts'
import { bodyOf, errorFrom, type Body } from './answers.ts'
import { keyedTransactions, ownWords, runOf, type Answer, type KeyedTransactions, type Run } from './keyed-transactions.ts'
import { HOLD, isHeld, isAskedAgain, isPrepared } from './prepared-keys.ts'
import type { CommandRecord, Store } from '../data/data.ts'
import { type Runtime, type Timer } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import { backoff, LONGEST_WAIT, type BackoffPolicy } from '../runtime/internal.ts'

/**
 * A command that carries an idempotency key happens once and answers every repetition as it did the first
 * time. The mark commits with the handler's own transaction, so a crash cannot come between the two.
 *
 * A repetition finds the first still running (and waits for it), answered (same answer), committed but dead
 * before it answered (ALREADY_EXISTS: nothing is done twice; an idempotent command runs again under a key that nobody gave), or
 * never committed (runs). A key that comes again with another input is refused.
 *
 * An answer that is known in the transaction is kept with the effect, so that it outlives its process: what the handler says by
 * `tx.answer`, and what its transaction comes to where that is its only one and is itself what the handler returns.
 *
 * Who waits in this process shares the answer of the first and nothing else. Where that ends without an answer (it failed,
 * its caller went away, its time is over) the next runs by itself. Where several copies share the store, a run is noted
 * before it begins, with a lease until a little after its deadline; another copy waits, and runs once that is over, or the
 * owner is gone, and it has noted itself instead. A handler that goes on after its time can do no harm then: the mark of another
 * run is there, and its transaction is refused. What a handler does outside transactions may so be done more than once.
 */
export type Idempotency = {
  readonly once: (request: KeyedCall, run: () => unknown) => Promise<unknown>
} & KeyedTransactions

export type KeyedCall = {
  readonly operation: string
  readonly definition: AnyOperation
  readonly key: string
  /** As the caller sent it. */
  readonly input: unknown
  /** Monotonic milliseconds. */
  readonly deadline: number
  /** The call's own end. */
  readonly own: Cancellation
  /** The calling service. */
  readonly caller?: string | undefined
}

const KEY_LIMIT = 255

/** Milliseconds by which a lease outlasts the deadline of its call: for the answer to be written. */
const MARGIN = 1_000

/** Milliseconds after which somebody who waits for another copy looks again. */
const LOOK: BackoffPolicy = { first: 10, max: 250 }

/**
 * What is noted of a run by itself is one statement on one row, which says whose run it must be: whatever others commit
 * meanwhile, the row is looked at again as it is then. Only the mark belongs to the handler's own transaction.
 */
const ALONE = { isolated: false }

type IdempotencyOptions = {
  store: Store
  runtime: Pick<Runtime, 'clock' | 'timers' | 'ids' | 'random'>
  service: string
  log?: Pick<Logger, 'warn'>
}

export function createIdempotency(options: IdempotencyOptions): Idempotency {
  const { store, service } = options
  const records = store.records.idempotency
  const { clock, timers, ids } = options.runtime
  /** Those that others have to wait for, … */
  const running = new Map<string, Run>()
  /** … and all that may still write. */
  const runs = new WeakMap<Cancellation, Run>()

  /** Operations of which it was said that a crash could lose their answers. */
  const warned = new Set<string>()
  const mayLose = (place: string, { definition, held, committed }: Run): void => {
    if (held === 0 || !committed || definition.idempotent || warned.has(place)) return
    warned.add(place)
    options.log?.warn(
      `The answer of ${place} is kept after its commit, and whoever calls it must hear it: a process that dies between the two leaves a saga paused. ` +
        'To do: say "tx.answer(output)" in the last transaction of its handler, or return the transaction itself',
    )
  }

  const begin = createBegin(options)
  const answerOnce = async (request: KeyedCall, mine: Run, run: () => unknown): Promise<unknown> => {
    const { definition } = request
    const place = `${service}.${request.operation}`
    const done = await begin(request, mine)
    if (done !== undefined) return replay(done, mine, request, place)
    try {
      const value = await (mine.returned = run())
      // What was committed is the answer, whatever the handler has returned after that.
      const { answered } = mine
      if (answered !== undefined && answered.value === value) return value
      const body = bodyOf(definition, value)
      if (answered !== undefined) {
        if (answered.outcome === body.outcome && answered.body === body.body) return value
        return replay({ ...answered, fingerprint: mine.fingerprint }, mine, request, place)
      }
      mayLose(place, mine)
      if (await remember(request, mine, body)) return value
      // Another run has been noted instead, so this one has committed nothing.
      const other = await records.find(request)
      return other?.outcome === 'answered' || other?.outcome === 'refused' ? replay(other, mine, request, place) : value
    } catch (error) {
      const other = mine.conflict !== undefined && error === mine.conflict ? await records.find(request) : undefined
      if (other !== undefined && other.outcome !== 'running') return replay(other, mine, request, place)
      // A declared error is an answer like any other; what else went wrong may go right the next time. So may what a message
      // is refused that is tried again, unless something was done.
      const final = error instanceof DeclaredError && (mine.committed || !isPrepared(request.key))
      if (final) await remember(request, mine, bodyOf(definition, error))
      else letCopiesIn(request, mine)
      throw error
    }
  }

  const remember = (request: KeyedCall, mine: Run, body: Body): Promise<boolean> =>
    store.transaction((tx) => records.answer(tx, { ...runOf(store, request, mine), ...body }), ALONE)

  /** Where that fails they wait for the end of the lease. */
  const letCopiesIn = ({ operation, key }: KeyedCall, { id }: Run): void => {
    if (store.sharing === 'shared') store.transaction((tx) => records.end(tx, { operation, key, run: id }), ALONE).catch(() => {})
  }

  /** Lets the next in: at once, or for somebody whose caller has gone when the time is over that it was given. */
  const letOthersIn = ({ own, deadline }: KeyedCall, release: () => void): (() => void) => {
    let timer: Timer | undefined
    const listener: CancelListener = {
      onCancel: (reason) => {
        if (reason !== 'caller') return release()
        timer = timers.after(Math.max(0, deadline - clock.monotonic()), release)
      },
    }
    own.add(listener)
    return () => {
      own.remove(listener)
      timer?.cancel()
    }
  }

  const runAlone = async (request: KeyedCall, slot: string, fingerprint: string, run: () => unknown): Promise<unknown> => {
    const { promise: outcome, resolve } = Promise.withResolvers<Answer | undefined>()
    const { definition, key, caller } = request
    const mine: Run = {
      ...{ id: ids.next(), fingerprint, definition, held: isHeld(key, caller) ? HOLD : 0, outcome },
      ...{ committed: false, conflict: undefined, transactions: [], returned: undefined, answered: undefined },
    }
    const release = (answer?: Answer): void => {
      if (running.get(slot) === mine) running.delete(slot)
      resolve(answer)
    }
    running.set(slot, mine)
    runs.set(request.own, mine)
    const stopWatching = letOthersIn(request, release)
    try {
      const value = await answerOnce(request, mine, run)
      release({ value })
      return value
    } catch (error) {
      release(error instanceof DeclaredError ? { refusal: error } : undefined)
      throw error
    } finally {
      stopWatching()
    }
  }

  return {
    once: async (request, run) => {
      const { operation, key, own } = request
      const place = `${service}.${operation}`
      const { length } = ownWords(key)
      if (length === 0 || length > KEY_LIMIT) throw badKey(place, length)
      const fingerprint = fingerprintOf(request)
      const slot = `${operation}\n${key}`
      for (let first = running.get(slot); first !== undefined; first = running.get(slot)) {
        if (first.fingerprint !== fingerprint) throw reused(place, key)
        const answer = await first.outcome
        if (answer !== undefined && 'value' in answer) return answer.value
        if (answer !== undefined) throw answer.refusal
        // It has been answered by its own end, and must not begin.
        if (own.reason !== undefined) throw endedWaiting(place)
      }
      return runAlone(request, slot, fingerprint, run)
    },
    ...keyedTransactions({ store, service, runs }),
  }
}

/**
 * What has become of the command; undefined once this run is the one that may carry it out, of all copies. Where one
 * process has the store, those that run are in its memory and nothing has to be noted.
 */
function createBegin({ store, service, runtime }: IdempotencyOptions) {
  const records = store.records.idempotency
  const { clock, timers, random } = runtime
  return async (request: KeyedCall, mine: Run): Promise<CommandRecord | undefined> => {
    const { own, deadline, key, definition } = request
    const place = `${service}.${request.operation}`
    // Who gave a key was promised that it is done once. A message that is tried again asks with its own key for ever, and without
    // one an idempotent command would be done again as well.
    const mayRunAgain = ({ outcome, fingerprint }: CommandRecord): boolean =>
      definition.idempotent && isAskedAgain(key) && outcome === 'committed' && fingerprint === mine.fingerprint
    let found = store.sharing === 'exclusive' ? await records.find(request) : undefined
    if (store.sharing === 'exclusive' && !(found && mayRunAgain(found))) return found
    let free = true
    /** Who will write nothing any more; and if it does, under a fence that is over. */
    let gone: string | undefined
    for (let looked = 1; own.reason === undefined; looked++) {
      const lease = Math.min(LONGEST_WAIT, Math.ceil(Math.max(0, deadline - clock.monotonic()) + MARGIN))
      const wanted = { ...runOf(store, request, mine), lease, instead: found }
      if (free && (await store.transaction((tx) => records.begin(tx, wanted), ALONE))) return undefined
      found = await records.find(request)
      if (found?.outcome === 'answered' || found?.outcome === 'refused') return found
      // Those of this process are waited for in its memory.
      const owner = found?.owner
      free = found === undefined || found.remaining <= 0 || owner === store.member || owner === gone
      if (free && found?.outcome === 'committed' && !mayRunAgain(found)) return found
      if (!free && found?.fingerprint !== mine.fingerprint) throw reused(place, key)
      if (free) continue
      // What it did last is looked up once more.
      if (owner !== undefined && (await store.gone?.(owner)) === true) gone = owner
      else await timers.sleep(backoff(LOOK, looked, random), own.signal)
    }
    throw endedWaiting(place)
  }
}

function replay(
  done: Pick<CommandRecord, 'outcome' | 'body' | 'fingerprint'>,
  mine: Run,
  { key, definition }: KeyedCall,
  place: string,
): unknown {
  if (done.fingerprint !== mine.fingerprint) throw reused(place, key)
  if (done.outcome === 'answered') return wireOf(definition.output, 'output').fromJson(JSON.parse(done.body)) ?? undefined
  if (done.outcome === 'refused') throw errorFrom(definition, JSON.parse(done.body))
  throw new CallError(
    'ALREADY_EXISTS',
    `Call to ${place} with idempotency key "${ownWords(key)}" was carried out before, but its answer was lost with the process that did it; ask for the result instead of repeating the call. To do, in its handler: say "await tx.answer(output)" in the last transaction, or return the transaction itself; then no answer is lost`,
  )
}

function fingerprintOf(request: KeyedCall): string {
  const json = JSON.stringify(wireOf(request.definition.input, 'input').toJson(request.input)) ?? ''
  return createHash('sha256').update(json).digest('base64url')
}

function badKey(place: string, length: number): CallError {
  return new CallError(
    'INVALID_ARGUMENT',
    `Call to ${place} was refused: an idempotency key has 1 to ${KEY_LIMIT} characters, this one has ${length}`,
  )
}

/**
 * What is remembered of a call's key: nobody is answered what somebody else was. Undefined: the call has no key.
 * A text that begins as such a list does is one as well, so that no key can be made up that is another caller's.
 */
export function rememberedKey({ idempotencyKey: key, principal }: CallContext): string | undefined {
  if (key === undefined) return undefined
  if (principal !== undefined && principal.kind !== 'service') return JSON.stringify([principal.kind, principal.subject, key])
  return key.startsWith('[') ? JSON.stringify([key]) : key
}

function endedWaiting(place: string): CallError {
  return new CallError('CANCELLED', `Call to ${place} ended while it waited for another`)
}

function reused(place: string, key: string): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `Call to ${place} was refused: idempotency key "${ownWords(key)}" was used before with another input; use a new key`,
  )
}
