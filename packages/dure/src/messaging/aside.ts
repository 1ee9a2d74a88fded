import { CallError, STATUSES, type Message, type Status } from '../contract/contract.ts'
import { type OutboxMessage } from '../data/data.ts'
import { timely, type Aside } from '../data/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { ParkedEntry } from './parked/parked.ts'
import type { ReactionReading } from './consumer/consumer.ts'
import { outboxOf } from './parked/parked.ts'
import { NonRetryableError } from './non-retryable.ts'
import type { ParkedStore } from './parked/parked.ts'
import { createHands, openParked, type ParkedCount } from './parked/parked.ts'
import { retryPolicy, type RetryPolicy } from './retry.ts'

/** Messages of a service's outbox that the broker does not take, among its dead letters: as the consumer `<service>/outbox`. */
export type OutboxAside = Aside & {
  readonly count: () => ParkedCount
  /** Nothing when nothing is set aside. */
  readonly readings: () => readonly ReactionReading[]
  /** Lets tries in hand end, soon. */
  readonly stop: () => Promise<void>
}

export type OutboxAsideOptions = {
  readonly store: ParkedStore
  readonly runtime: Runtime
  readonly log: Logger
  readonly deliver: (messages: readonly OutboxMessage[]) => Promise<void>
  /** Messages that the broker has taken so far. */
  readonly taken: () => number
  /** Milliseconds that a delivery may take. Default 30,000. */
  readonly patience?: number
}

/** Pauses between tries; how often one may fail while the broker takes others, before it is dead: some minutes. */
const RETRY: RetryPolicy = { ...retryPolicy({ max: 10_000, attempts: 30 }), crashes: Infinity }
const CONCURRENCY = 16

/** Opens it, and goes on trying what an earlier run has left. */
export async function openAside(options: OutboxAsideOptions): Promise<OutboxAside> {
  const { store, runtime, log, taken, patience = 30_000 } = options
  const consumer = outboxOf(store.service)
  const deliver = timely({ ...options, patience })
  const { promise: stopped, reject: stop } = Promise.withResolvers<never>()
  stopped.catch(() => {})
  /** Failures of those that may yet be taken, and how many messages the broker had taken by the last of them. */
  const failures = new Map<string, { readonly count: number; readonly taken: number }>()
  let doubtSince: number | undefined

  const isDead = (error: unknown, _: number, { id }: Message): boolean => {
    const { count, taken: before } = failures.get(id) ?? { count: 0, taken: -1 }
    // Only what fails while others are taken is worse than they are.
    if (taken() > before) failures.set(id, { count: count + 1, taken: taken() })
    const dead = isFinal(error) || (!mayBeMended(error) && count + 1 >= RETRY.attempts)
    if (dead) failures.delete(id)
    return dead
  }

  const parked = await openParked({
    ...{ store, consumer, runtime, log, isDead, retry: RETRY, hands: createHands(CONCURRENCY) },
    lease: store.sharing === 'shared' ? RETRY.max : undefined,
    tryAgain: async (message, finish) => {
      const { delay, ...rest } = message as OutboxMessage
      // A delay that was no number is not known any more: JSON has no word for it.
      await Promise.race([deliver([typeof delay === 'number' ? { ...rest, delay } : rest]), stopped])
      failures.delete(message.id)
      // One row, whose revision it asks for.
      await store.transaction(finish, { isolated: false })
    },
  })

  /** Keys of which nothing is parked any more: another process has seen to them. */
  const areGone = async (keys: ReadonlySet<string>): Promise<boolean> => {
    return (await store.records.parked.holding({ consumer, keys: [...keys] })) < keys.size
  }

  const { count } = parked
  return {
    empty: parked.empty,
    behind: async (rows) => {
      const held = rows.filter(({ message }) => isOrdered(message) && parked.holds(message.key))
      if (held.length === 0 || !(await areGone(new Set(held.map(({ message }) => message.key))))) return held
      await parked.reload()
      return held.filter(({ message }) => parked.holds(message.key))
    },
    final: isFinal,
    doubtful: () => doubtSince === taken(),
    put: async (messages, { failure, remove }) => {
      if (failure !== undefined && !isFinal(failure.error)) doubtSince = taken()
      const arrivals = messages.map((message): ParkedEntry => {
        const how = failure === undefined ? { behind: true as const } : { failure: failure.error }
        return { message, ...how, ...(isOrdered(message) ? {} : { key: `work ${message.id}` }) }
      })
      await parked.add(arrivals, remove)
    },
    reload: parked.reload,
    count,
    readings: () => {
      const { waiting, dead, letters, oldest } = count()
      if (waiting + dead === 0) return []
      return [{ consumer, kind: 'outbox', topic: '', waiting, deadLetters: letters, held: dead - letters, oldest }]
    },
    stop: async () => {
      stop(new CallError('UNAVAILABLE', `Delivering messages of service "${store.service}" was broken off: it stops`))
      await parked.stop()
    },
  }
}

/** Work has no order to keep: it holds nobody, and waits for nobody. */
function isOrdered({ destination }: OutboxMessage): boolean {
  return destination === 'topic'
}

/** The message itself is wrong: no broker will ever take it as it is. */
function isFinal(error: unknown): boolean {
  return error instanceof NonRetryableError || is(error, 'INVALID_ARGUMENT', 'OUT_OF_RANGE')
}

/** Something else is wrong, and somebody will see to it: the message waits as long as that takes. */
function mayBeMended(error: unknown): boolean {
  const codes: readonly Status[] = ['UNAUTHENTICATED', 'PERMISSION_DENIED', 'DEADLINE_EXCEEDED', 'CANCELLED']
  return is(error, ...codes) || (error instanceof CallError && STATUSES[error.code].retryable)
}

function is(error: unknown, ...codes: readonly Status[]): boolean {
  return error instanceof CallError && codes.includes(error.code)
}
