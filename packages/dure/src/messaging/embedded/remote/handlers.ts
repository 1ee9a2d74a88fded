import {
  CallError,
  type HandlerInput,
  type HandlerOutput,
  type Message,
  type Operation,
  type Schema,
} from '../../../contract/contract.ts'
import { type Runtime, type Timer } from '../../../runtime/runtime.ts'
import { checkNumbers, WAIT } from '../../../runtime/internal.ts'
import type { Logger } from '../../../telemetry/telemetry.ts'
import type { Broker } from '../../broker.ts'
import type { Found } from '../../found.ts'
import type { Assignment, Delivery, SubscribeOptions } from '../../topics.ts'
import { jsonOf, SessionOver, type BrokerOperations, type BrokerRequest } from './contract.ts'
import { delayed, inParts, pack, packOne, unpack } from './pack.ts'
import { createSession, isReported, type Session } from './session.ts'

/** Handlers of `brokerContract`, one for each operation; they need no context. */
export type BrokerHandlers = {
  readonly [K in keyof BrokerOperations]: BrokerOperations[K] extends Operation<'stream', Schema, Schema, {}>
    ? (input: HandlerInput<BrokerOperations[K]>) => AsyncIterable<HandlerOutput<BrokerOperations[K]>>
    : (input: HandlerInput<BrokerOperations[K]>) => Promise<HandlerOutput<BrokerOperations[K]>>
}

export type ServedBroker = {
  readonly handlers: BrokerHandlers
  /** Ends every session: what members have in hand comes again. Not the broker's own stop, which comes after this one. */
  readonly stop: () => Promise<void>
}

export type BrokerHandlersOptions = {
  readonly broker: Broker
  readonly runtime: Runtime
  readonly log: Logger
  /**
   * Milliseconds without a sign of life after which a client has lost its partitions (frozen, cut off). A client whose
   * stream has broken (killed) loses them after a fifth of that. Default 5,000.
   */
  readonly lease?: number
}

/** Sessions at once, at most: one for each client process. */
const MOST_SESSIONS = 1_000
/** UTF-16 units of an answer that shows messages, about; a single message may be larger. */
const LARGEST_ANSWER = 2 * 1024 * 1024

/** Serves a broker to other processes. */
export function brokerHandlers(options: BrokerHandlersOptions): ServedBroker {
  const { broker, runtime, log, lease = 5_000 } = checkNumbers('serve a broker', options, { lease: { ...WAIT, least: 10 } })
  const beat = lease / 10
  const sessions = new Map<string, Session>()
  let sweeping: Timer | undefined
  let sweptAt = 0
  let stopping: Promise<void> | undefined

  const need = (id: string): Session => {
    const session = sessions.get(id)
    if (session === undefined) throw SessionOver()
    session.touch()
    return session
  }

  const end = (session: Session, why: string): Promise<void> => {
    sessions.delete(session.id)
    return session.end(why)
  }

  const sweepLater = (): void => {
    if (sweeping !== undefined || sessions.size === 0) return
    sweptAt = runtime.clock.monotonic()
    sweeping = runtime.timers.after(beat / 2, sweep)
  }

  const sweep = (): void => {
    sweeping = undefined
    const now = runtime.clock.monotonic()
    // When this process itself stood still, nobody could show a sign of life: everybody gets another lease.
    const forgive = now - sweptAt > beat * 2
    for (const session of sessions.values()) {
      if (forgive) session.touch()
      const silent = now - session.seen()
      const allowed = session.streaming() ? lease : lease / 5
      if (silent <= allowed) continue
      if (session.members() > 0) {
        log.warn('A client of the broker shows no sign of life; what it had goes to others', {
          client: session.name,
          silent: Math.round(silent),
        })
      }
      void end(session, `it has shown no sign of life for ${Math.round(silent)} ms`)
    }
    sweepLater()
  }

  const onError = (session: Session, of: string) => (error: unknown) => {
    if (!isReported(error)) log.warn('The broker has trouble with a member and tries again', { client: session.name, of, error })
  }

  const handlers: BrokerHandlers = {
    request: async ({ method, args }) => {
      const ask = broker[method] as (...of: unknown[]) => Promise<unknown>
      const answer = await ask(...(JSON.parse(args) as unknown[]))
      return { answer: jsonOf(answerOf(method, answer)) }
    },
    publish: ({ messages }) => done(broker.publish(unpack(messages).map(({ message }) => message))),
    send: ({ messages }) => done(broker.send(unpack(messages).map(delayed))),
    open: async ({ name }) => {
      if (stopping) throw new CallError('UNAVAILABLE', 'Cannot open a session: the broker is stopping')
      if (sessions.size >= MOST_SESSIONS) {
        throw new CallError(
          'RESOURCE_EXHAUSTED',
          `Cannot open a session: the broker has ${MOST_SESSIONS}, and no more are allowed`,
        )
      }
      const session = createSession({ id: runtime.ids.next(), name, runtime })
      sessions.set(session.id, session)
      sweepLater()
      return { session: session.id, beat }
    },
    beat: async ({ session }) => ({ streaming: need(session).streaming() }),
    close: async ({ session: id }) => {
      const session = sessions.get(id)
      if (session) await end(session, 'it has closed its session')
    },
    subscribe: async ({ session: id, member, group, topics, from, batch, tells }) => {
      const session = need(id)
      await session.join(member, () =>
        broker.subscribe({
          group,
          topics,
          from,
          batch,
          deliver: deliverTo(session, member),
          ...(tells === true && {
            assigned: (assignment: Assignment) => session.offer({ member, ...assignment, tells: 'assigned', messages: [] }),
            revoked: async (place) => void (await session.offer({ member, ...place, tells: 'revoked', messages: [] })),
          }),
          onError: onError(session, group),
        }),
      )
    },
    receive: async ({ session: id, member, queue, concurrency }) => {
      const session = need(id)
      await session.join(member, () =>
        broker.receive({
          queue,
          concurrency,
          handle: (message) => done(session.offer({ member, topic: queue, partition: 0, messages: packOne(message) })),
          onError: onError(session, queue),
        }),
      )
    },
    leave: async ({ session, member }) => ({ left: await need(session).leave(member) }),
    deliveries: ({ session, have }) => need(session).attach(have),
    settle: async ({ session, outcomes }) => {
      need(session).settle(outcomes)
    },
  }

  const stop = async (): Promise<void> => {
    sweeping?.cancel()
    await Promise.all([...sessions.values()].map((session) => end(session, 'the broker is stopping')))
  }
  return { handlers, stop: () => (stopping ??= stop()) }
}

/** Hands a member's batches to its session, in parts that can travel. */
function deliverTo(session: Session, member: number): SubscribeOptions['deliver'] {
  /** Of batches that went in parts and failed in one: what is done need not come again. */
  const doneTo = new Map<string, string>()
  return async (batch, place) => {
    const key = `${place.partition} ${place.topic}`
    const done = batch.findIndex(({ position }) => position === doneTo.get(key))
    for (const part of inParts(batch.slice(done + 1), ({ message }) => message)) {
      const messages: (string | number | null)[] = []
      for (const { message, position } of part) pack(messages, message, position)
      await session.offer({ member, ...place, messages })
      doneTo.set(key, part.at(-1)!.position)
    }
    doneTo.delete(key)
  }
}

/** What an operation without an output answers. */
async function done(work: Promise<unknown>): Promise<undefined> {
  await work
}

/** As much of it as may go in one answer. */
function answerOf(method: BrokerRequest['method'], answer: unknown): unknown {
  if (method === 'browse') return someOf(answer as readonly Delivery[])
  if (method !== 'find') return answer ?? null
  const found = answer as Found
  const messages = someOf(found.messages)
  return messages.length === found.messages.length ? found : { ...found, messages, cutOff: 'bytes' }
}

function someOf<One extends { readonly message: Message }>(found: readonly One[]): readonly One[] {
  return inParts(found, ({ message }) => message, LARGEST_ANSWER)[0] ?? []
}
