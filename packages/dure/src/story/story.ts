/**
 * What became of something (an order, a message, a request), told from the data themselves: the broker's log, each service's outbox,
 * inbox marks, parked messages and decisions, sagas, choreographies; and spans where they are kept. Joined by what led to what.
 */
import { CallError } from '../contract/contract.ts'
import type { Span } from '../telemetry/telemetry.ts'
import type { Story, StoryHost, StoryOptions, StorySpan } from './definition.ts'
import { gather } from './gather.ts'
import { createHiding } from './hidden.ts'
import { joinMessages } from './join.ts'
import { stateOf } from './state.ts'

export type {
  Story,
  StoryAnswer,
  StoryHost,
  StoryMessage,
  StoryOptions,
  StoryPath,
  StoryReaction,
  StorySaga,
  StorySpan,
  StoryState,
} from './definition.ts'

export { readStoryRecord, storyRecord, type StoryRecord } from './record.ts'

/** Traces whose spans are told, at most. */
const TRACES = 20

/**
 * Tells a story. Of what does not answer, and of what was cut off, it says so.
 * @throws {CallError} INVALID_ARGUMENT for times and limits that cannot be
 *
 * @example
 * ```ts
 * import { setTimeout } from 'node:timers/promises'
 * import { command, contract, event } from 'dure/contract'
 * import { database } from 'dure/data'
 * import { service, start, system } from 'dure/service'
 * import { tellStory } from 'dure/story'
 * import { silentLogger } from 'dure/telemetry'
 * import { z } from 'zod'
 *
 * const Placed = event('order.placed', { schema: z.object({ id: z.string() }), key: ({ id }) => id })
 * const operations = { place: command({ input: z.string() }) }
 * const Orders = contract('orders', { version: '1.0.0', owner: 'team-shop', operations, events: [Placed] })
 * const orders = service(Orders, {
 *   database: database({ migrations: {} }),
 *   handlers: { place: async (id, { database }) => void (await database.transaction((tx) => tx.publish(Placed, { id }))) },
 * })
 * const shop = await start(system('shop', { services: [orders] }), { directory: '.dure/told', log: silentLogger() })
 * await shop.client(Orders).place('4711')
 * while (!(await shop.status()).quiet) await setTimeout(5)
 * const story = await tellStory(shop, { about: '4711' })
 * console.log(story.state, story.messages.map(({ type, data }) => [type, data])) // → done [ [ 'order.placed', { id: '4711' } ] ]
 * await shop.stop()
 * ```
 */
export async function tellStory(host: StoryHost, options: StoryOptions): Promise<Story> {
  if (options.about === '') throw new CallError('INVALID_ARGUMENT', 'Cannot tell a story: say what it is about')
  const gathered = await gather(host, options)
  const hiding = createHiding(
    [...host.contracts, ...host.external],
    host.reactions.map(({ event }) => event),
  )
  const lag = await host.lag().catch(() => undefined)
  const messages = joinMessages({ host, gathered, hiding, lag })
  const traces = new Set([options.about, ...messages.flatMap(({ traceId }) => traceId ?? [])])
  const spans = (await Promise.all([...traces].slice(0, TRACES).map(async (id) => host.spans?.(id) ?? []))).flat().map(spanOf)
  const { sagas, choreographies, correlationIds, cutOff, unseen } = gathered
  const times = [
    ...messages.flatMap(({ time, reactions }) => [time, ...reactions.flatMap((one) => one.time ?? [])]),
    ...sagas.flatMap(({ began, ended }) => [began, ended ?? began]),
    ...spans.flatMap(({ start, duration }) => [start, start + duration]),
  ]
  return {
    ...{ system: host.system, about: options.about, ...stateOf({ messages, sagas, choreographies }) },
    correlationIds: messages.length + sagas.length === 0 ? [] : correlationIds,
    ...{ began: least(times), ended: most(times) },
    ...{ messages, sagas, choreographies, spans: spans.toSorted((a, b) => a.start - b.start), cutOff, unseen },
  }
}

const least = (times: readonly number[]): number | undefined => (times.length === 0 ? undefined : Math.min(...times))
const most = (times: readonly number[]): number | undefined => (times.length === 0 ? undefined : Math.max(...times))

/** Without attributes, of which nobody knows what is in them. */
function spanOf({ traceId, spanId, parentId, name, kind, service, start, duration, status, message }: Span): StorySpan {
  const error = status === 'error' ? (message ?? 'It failed') : undefined
  return { traceId, spanId, parentId, name, kind, service, start, duration, error }
}
