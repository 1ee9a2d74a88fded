import type { AnyEvent } from 'dure/contract'
import type { Broker } from 'dure/messaging'
import type { System } from 'dure/service'
import type { StoryMessage, StoryRecord } from 'dure/story'
import type { CheckWorld, Simulation, SimulationSource, SystemSource } from '../run/run.ts'
import { withAnswers } from './answers.ts'
import { checkStory } from './check.ts'
import { messageOf } from './message.ts'

export type PlayOptions = {
  readonly story: StoryRecord
  /** Services that answer by their own code, and not as the story has it. Default: none. */
  readonly live?: readonly string[] | undefined
}

/** Tries of each reaction: what is to fail need not take hours of it. */
const ATTEMPTS = 3
/** Milliseconds of virtual time: a pause between two messages at most, and until what they lead to has come to rest. */
const [PAUSE, REST] = [60_000, 120_000]

/** What must hold: an incident has become a test. */
const NOTHING_WRONG = 'nothing goes wrong in the story'

/**
 * A simulation that plays a story: the messages that began it come again, at their times, calls between services are answered as they
 * were, and the code does the rest. It holds when nothing goes wrong any more; as long as the same goes wrong, or something else, it
 * does not. What is there before is made by `story` of the given simulation, or by its `load.setup`.
 *
 * @example
 * ```ts
 * import { playStory, simulate } from '@dure/simulation'
 * import { contract, event } from 'dure/contract'
 * import { database } from 'dure/data'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Placed = event('order.placed', { schema: z.object({ id: z.string() }), key: ({ id }) => id })
 * const Orders = contract('orders', { version: '1.0.0', owner: 'team-shop', operations: {}, events: [Placed] })
 * const orders = service(Orders, {
 *   ...{ database: database({ migrations: {} }), handlers: {} },
 *   subscriptions: ({ on }) => [
 *     on(Placed, () => {
 *       throw new Error('no')
 *     }),
 *   ],
 * })
 * const placed = { id: 'm', type: 'order.placed', source: 'orders', key: '7', time: 0, correlationId: 'c', schemaVersion: 1, kind: 'topic' }
 * const failed = { consumer: 'orders/order.placed', service: 'orders', state: 'dead', error: 'Error: no', calls: [], decisions: [] }
 * const story: unknown = { system: 'shop', messages: [{ ...placed, data: { id: '7' }, reactions: [failed] }], sagas: [] }
 * const simulation = { system: system('shop', { services: [orders] }), load: { step: async () => {} }, invariants: {} }
 * const { kind } = await simulate({ seed: 1, simulation: playStory(simulation, { story: story as never }) })
 * console.log(kind) // → violated
 * ```
 */
export function playStory(source: SimulationSource, options: PlayOptions): () => Promise<Simulation> {
  return async () => playing(typeof source === 'function' ? await source() : source, undefined, options)
}

/** The same, of a simulation whose system is told beside it. */
export function playing(simulation: Simulation, system: SystemSource | undefined, { story, live = [] }: PlayOptions): Simulation {
  const own = simulation.system ?? system
  const events = new Map<string, AnyEvent>()
  /** Types and keys of what was published while it was played. */
  const published = new Set<string>()
  let broker: Broker | undefined
  const { setup } = simulation.load
  return {
    ...simulation,
    // Later it might go well, as what came too late then is there.
    ...{ before: undefined, replicas: undefined, faults: [], placements: ['together'], tries: 0 },
    ...(own !== undefined && { system: playable(own, { story, live, events }) }),
    broker: (given, process) => {
      const inner = simulation.broker?.(given, process) ?? given
      const noted =
        (work: Broker['publish']): Broker['publish'] =>
        async (messages) => {
          await work(messages)
          for (const { type, key } of messages) published.add(`${type}\n${key}`)
        }
      return (broker = { ...inner, publish: noted(inner.publish), send: noted(inner.send) })
    },
    load: {
      ...{ clients: 1, duration: 1_000, pause: 1_000, step: async () => {} },
      setup: async (world) => {
        if (simulation.story === undefined) await setup?.(world)
        else await simulation.story(world, story)
        const put = async (message: StoryMessage): Promise<void> => {
          const made = messageOf(message, events.get(message.type))
          await (message.kind === 'queue' ? broker!.send([made]) : broker!.publish([made]))
        }
        let last: number | undefined
        for (const message of story.messages.filter(({ causedBy }) => causedBy === undefined)) {
          await world.sleep(Math.min(PAUSE, Math.max(0, message.time - (last ?? message.time))))
          last = message.time
          await put(message)
        }
        // Where the way to what failed cannot be gone, because what it needs is not in the story, it begins there.
        const wrong = story.messages.filter((message) => isWrong(message))
        const isThere = (message: StoryMessage): boolean => published.has(`${message.type}\n${message.key}`)
        for (let waited = 0; waited < REST && !wrong.every(isThere); waited += 1_000) await world.sleep(1_000)
        for (const message of wrong) if (!isThere(message)) await put(message)
      },
    },
    invariants: { [NOTHING_WRONG]: (world: CheckWorld) => checkStory(story, world) },
  }
}

function isWrong({ reactions }: StoryMessage): boolean {
  return reactions.some(({ state, error }) => state === 'dead' || (state === 'retrying' && error !== undefined))
}

/** The system with the answers of the story, and with few tries. */
function playable(
  source: SystemSource,
  how: { readonly story: StoryRecord; readonly live: readonly string[]; readonly events: Map<string, AnyEvent> },
): SystemSource {
  const change = (system: System): System => {
    for (const { contract, reactions } of system.services)
      for (const event of [...(contract.events as readonly AnyEvent[]), ...reactions.map((one) => one.event)])
        how.events.set(event.name, event)
    const services = withAnswers(system.services, how).map((service) => ({
      ...service,
      reactions: service.reactions.map((one) => {
        return { ...one, retry: { ...one.retry, attempts: Math.min(ATTEMPTS, one.retry.attempts) } }
      }),
    }))
    return { ...system, services }
  }
  if (typeof source !== 'function') return change(source)
  return (process) => {
    const made = source(process)
    return made instanceof Promise ? made.then(change) : change(made)
  }
}
