import { CallError } from 'dure/contract'
import type { OutboxMessage } from 'dure/data'
import { createDelivery, type Aside } from 'dure/data/internal'
import { type Runtime } from 'dure/runtime'
import { backoff, completeNumbers, inTime, timeLeft } from 'dure/runtime/internal'
import type { Logger } from 'dure/telemetry'
import type { ClientConfig } from 'pg'
import { createFlushes } from './flushes.ts'
import { uniqueName } from '../../names.ts'
import { amountOf, createBacklog } from './backlog.ts'
import { createInFlight } from './in-flight.ts'
import type { Horizon } from './horizon.ts'
import { createLeases, laneOf, oursIn } from './leases.ts'
import { RELAY_LIMITS, RELAY_NUMBERS, type RelayLimits } from '../limits.ts'
import type { OutboxRow } from '../rows.ts'
import { bucketOf, LANES } from '../schema.ts'
import { openSession, type Session } from './session.ts'
import { createWakeUp } from '../wake-up.ts'
import { createRelaySession, type RelayContext, type RelaySession } from './relay-session.ts'

/**
 * The polling relay: reads committed rows of its lanes, hands them on in order, removes them. Woken by commits of its own
 * process and by notifications of others, it looks every `poll` milliseconds anyway. Any number of relays share the lanes.
 *
 * What it holds in memory is two batches. When the broker is down it waits with what it has, and the table grows.
 */
export type Relay = {
  /** Resolves when it has seen what is there, or could not. */
  readonly ready: Promise<void>
  /**
   * These were committed by this process. Cheap: any number of calls are one look, and one word to the relays elsewhere that deliver
   * some of it, if there are any.
   */
  readonly committed: (messages: readonly OutboxMessage[]) => void
  /** On its connection, as the role that delivers the table. @throws while there is none */
  readonly query: Session['query']
  readonly state: () => RelayState
  /** Resolves when all that is committed by now has been delivered, by this relay or another. */
  readonly flush: () => Promise<void>
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

export type RelayState = {
  /** Whether it is connected to the database. */
  readonly connected: boolean
  /** Lanes it delivers, of all there are. */
  readonly lanes: number
  readonly relays: number
  /** Messages committed and not yet delivered, of all lanes: as of the last look, at most a `poll` ago; what others commit to lanes of others, a quarter of a `lease`. */
  readonly depth: number
  /** Bytes of their data. */
  readonly size: number
  /** When the oldest of them was published (milliseconds since the epoch). */
  readonly oldest: number | undefined
  /** What keeps vacuum from the outbox, if it is older than a few seconds. Delivery does not wait for it. */
  readonly horizon: Horizon | undefined
}

export type RelayOptions = {
  readonly connection: ClientConfig
  /** Who speaks, in logs and for the database's `application_name`. */
  readonly name: string
  readonly runtime: Runtime
  readonly log: Logger
  readonly deliver: (messages: readonly OutboxMessage[]) => Promise<void>
  readonly aside?: Aside | undefined
  readonly limits?: Partial<RelayLimits> | undefined
}

/** Begins to work at once, whether or not the database can be reached. */
export function createRelay(options: RelayOptions): Relay {
  const { runtime, log, name, connection } = options
  const { timers, clock, random } = runtime
  const limits = completeNumbers('poll the outbox with these limits', RELAY_LIMITS, options.limits ?? {}, RELAY_NUMBERS)
  const relay = `${name}/${runtime.ids.next()}`
  const stopping = new AbortController()
  const backlog = createBacklog()
  const inFlight = createInFlight()
  const signal = createWakeUp(timers)
  const flushes = createFlushes()
  const leases = createLeases({ relay, lease: limits.lease, clock })
  const { aside } = options
  const delivery = createDelivery<OutboxRow>({
    ...{ name, runtime, log, backoff: limits.backoff, patience: limits.patience, deliver: options.deliver, aside },
    ours: oursIn(leases),
    more: () => backlog.depth() > inFlight.undelivered(),
    remove: leases.remove,
  })
  let session: Session | undefined
  let serving: RelaySession | undefined
  let horizon: Horizon | undefined
  const { promise: ready, resolve: isReady } = Promise.withResolvers<void>()
  const context: RelayContext = {
    ...{ name, relay, runtime, log, limits, delivery, aside, backlog, inFlight, leases, signal, flushes },
    stopping: stopping.signal,
    horizon: (found) => void (horizon = found),
    ready: isReady,
  }

  const serve = async (): Promise<void> => {
    const opened = await openSession({
      connection,
      name: uniqueName('application', 'dure', 'relay', name),
      notified: (payload) => serving?.notified(payload),
    })
    try {
      session = opened
      serving = createRelaySession(opened, context)
      await serving.serve()
    } finally {
      session = undefined
      serving = undefined
      // A connection that is broken half-way answers nothing, not even a farewell.
      void opened.end()
    }
  }

  const live = async (): Promise<void> => {
    for (let failures = 0; !stopping.signal.aborted;) {
      const began = clock.monotonic()
      try {
        await serve()
      } catch (error) {
        isReady()
        if (clock.monotonic() - began > limits.lease) failures = 0
        if (failures++ === 0) log.warn('The outbox relay lost its database; it keeps trying', { relay: name, error })
        const [first, max] = limits.backoff
        await timers.sleep(backoff({ first, max }, failures, random), stopping.signal)
      }
    }
  }

  const living = live()

  const flush = (): Promise<void> => {
    if (stopping.signal.aborted) return Promise.reject(stopped(name, backlog.depth()))
    const flushed = flushes.add()
    signal.set()
    return flushed
  }

  return {
    ready,
    committed: (messages) => {
      backlog.committed(amountOf(messages))
      const held = leases.held()
      if (held.size === LANES) return signal.set()
      const lanes = new Set(messages.map(({ key }) => laneOf(bucketOf(key))))
      const others = [...lanes].filter((lane) => !held.has(lane))
      if (others.length < lanes.size) signal.set()
      if (others.length > 0) serving?.tell(others)
    },
    query: async (text, values) => {
      if (session === undefined) throw new Error(`the outbox relay "${name}" is not connected to its database`)
      return session.query(text, values)
    },
    state: () => ({
      connected: serving !== undefined,
      lanes: leases.held().size,
      relays: leases.relays(),
      depth: backlog.depth(),
      size: backlog.size(),
      oldest: inFlight.oldest(),
      horizon,
    }),
    flush,
    stop: async ({ timeout = 5_000 } = {}) => {
      const left = timeLeft(clock, timeout)
      await inTime(
        timers,
        left(),
        flush().catch(() => {}),
        () => {},
      )
      stopping.abort()
      signal.set()
      // Neither a delivery that never settles nor a server that never answers may keep anybody from stopping; without a
      // connection what is still in hand keeps no lanes either.
      await inTime(timers, left(), living, () => void session?.end())
      flushes.fail(stopped(name, backlog.depth()))
      if (backlog.depth() > 0)
        log.warn('The outbox relay stopped with messages left; the next one delivers them', {
          relay: name,
          depth: backlog.depth(),
        })
    },
  }
}

function stopped(name: string, depth: number): CallError {
  return new CallError(
    'UNAVAILABLE',
    `Waiting for the outbox relay "${name}" failed: it stopped with ${depth} messages left, which the next one delivers`,
  )
}
