import { CallError, command, contract, query, type AnyEvent } from 'dure/contract'
import { wireOf } from 'dure/contract/internal'
import { messageOf } from 'dure/data/internal'
import type { Delivery, GroupLag } from 'dure/messaging'
import type { DoorHost } from 'dure/service'
import { z } from 'zod'
import { operatorPart, type OperatorPart } from '../part.ts'
import { Message } from './message.ts'

const Group = z.object({
  ...{ group: z.string(), lag: z.number(), lost: z.number(), members: z.number().optional() },
  since: z.number().optional().describe('when the first that it has not read was published'),
  partitions: z.array(z.object({ partition: z.number(), lag: z.number() })),
})
const Topic = z.object({
  topic: z.string(),
  partitions: z.number().optional().describe('none while nobody has declared it'),
  events: z.array(z.object({ service: z.string(), event: z.string(), version: z.number() })),
  groups: z.array(Group),
})
const Consumer = z.object({
  ...{
    consumer: z.string(),
    kind: z.enum(['topic', 'queue', 'outbox']),
    topic: z.string(),
    waiting: z.number(),
    deadLetters: z.number(),
  },
  ...{ held: z.number(), unread: z.number().optional(), since: z.number().optional(), lost: z.number(), abandoned: z.boolean() },
  deadSince: z.number().optional(),
})
/** Of what is kept for a time; null is without end. */
const Retained = z.object({
  ...{ service: z.string(), part: z.string(), rows: z.number(), bytes: z.number(), age: z.number().optional() },
  bounds: z.record(z.string(), z.number().nullable()),
})
const Lag = z.object({
  consumers: z.array(Consumer),
  outboxes: z.array(z.object({ service: z.string(), depth: z.number(), age: z.number(), size: z.number() })),
  retained: z.array(Retained),
  silent: z.array(z.string()),
})
const Read = z.object({ partition: z.number(), position: z.string(), message: Message })
const topic = z.string()

const Topics = contract('topics', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Topics of the broker: who announces on them, who reads them and how far, what is in them',
  operations: {
    list: query({ output: z.array(Topic), description: 'Topics with their partitions and groups' }),
    lag: query({ output: Lag, description: 'How far every consumer is behind, and what has not left its publisher' }),
    browse: query({
      input: z.object({
        topic,
        partition: z.int().min(0).optional().describe('default: some of each, by their time'),
        after: z.string().optional().describe('a position of that partition; default: the oldest'),
        limit: z.int().min(1).max(500).default(50),
        bytes: z.int().min(1).max(8_388_608).default(1_048_576).describe('of data, and one message more'),
      }),
      output: z.object({ messages: z.array(Read), more: z.boolean() }),
      description: 'What is in a topic, without reading it as any group',
    }),
    publish: command({
      input: z.object({ event: z.string().describe('as a contract of the system declares it'), data: z.unknown() }),
      output: z.object({ id: z.string(), topic, key: z.string() }),
      description: 'Announces an event as if its service had',
    }),
    forget: command({
      input: z.object({ group: z.string(), topic: topic.optional().describe('default: all') }),
      output: z.array(z.object({ topic, unread: z.number() })),
      description: 'Has the broker forget a group that no service has any more, and with it what it has not read',
    }),
  },
})

/** Topics of the system's broker. */
export const topics: OperatorPart = operatorPart({
  contract: Topics,
  rules: {
    publish: { reason: true, act: ({ event }) => ({ subject: event }), tell: ({ id, topic: on }) => ({ id, topic: on }) },
    // The system writes it down.
    forget: { reason: true, act: 'own' },
  },
  answer: ({ host, world }) => ({
    list: () => list(host),
    lag: async () => {
      const { consumers, outboxes, retained, silent } = await host.lag()
      return {
        ...{ consumers: [...consumers], outboxes: [...outboxes], silent: [...silent] },
        retained: retained.map((one) => ({ ...one, bounds: finite(one.bounds) })),
      }
    },
    browse: (input) => browse(host, input),
    publish: async ({ event: name, data }, { correlationId, name: initiator }) => {
      const { event, service } = eventOf(host, name)
      const origin = { service, correlationId, causationId: undefined, traceparent: undefined, initiator }
      const value = wireOf(event.schema, 'input').fromJson(data)
      const message = await messageOf(event, value, { origin, runtime: world.runtime })
      await host.topics.publish([message])
      return { id: message.id, topic: event.topic, key: message.key }
    },
    forget: async (about, { name: by, reason = '' }) => [...(await host.forget({ ...about, reason, by }))],
  }),
})

/** What the broker calls the one group of every queue. */
const QUEUE = 'queue'

async function list(host: DoorHost): Promise<z.infer<typeof Topic>[]> {
  const events = host.contracts.flatMap(({ name: service, events: all }) =>
    all.map((event) => ({ service, event: event.name, version: event.version, topic: event.topic })),
  )
  const lags = Map.groupBy(
    (await host.topics.lag()).filter(({ group }) => group !== QUEUE),
    ({ topic: of }) => of,
  )
  const names = [...new Set([...events.map(({ topic: of }) => of), ...lags.keys()])].toSorted()
  return Promise.all(
    names.map(async (name) => ({
      topic: name,
      partitions: await host.topics.partitions(name).catch(missing),
      events: events.filter(({ topic: of }) => of === name).map(({ topic: _, ...event }) => event),
      groups: groupsOf(lags.get(name) ?? []),
    })),
  )
}

/** Without end is no number in JSON. */
function finite(bounds: Readonly<Record<string, number>>): Record<string, number | null> {
  return Object.fromEntries(Object.entries(bounds).map(([name, value]) => [name, Number.isFinite(value) ? value : null]))
}

function missing(error: unknown): undefined {
  if (error instanceof CallError && error.code === 'NOT_FOUND') return undefined
  throw error
}

function groupsOf(lags: readonly GroupLag[]): z.infer<typeof Group>[] {
  return [...Map.groupBy(lags, ({ group }) => group)].map(([group, parts]) => {
    const times = parts.flatMap(({ lag, since }) => (lag > 0 ? (since ?? []) : []))
    return {
      group,
      lag: sum(parts.map(({ lag }) => lag)),
      lost: sum(parts.map(({ lost = 0 }) => lost)),
      members: parts[0]!.members,
      since: times.length === 0 ? undefined : Math.min(...times),
      partitions: parts.map(({ partition, lag }) => ({ partition, lag })),
    }
  })
}

type Browse = {
  readonly topic: string
  readonly partition?: number | undefined
  readonly after?: string | undefined
  readonly limit: number
  readonly bytes: number
}

async function browse(
  host: DoorHost,
  { topic: name, partition, after, limit, bytes }: Browse,
): Promise<{
  messages: z.infer<typeof Read>[]
  more: boolean
}> {
  if (partition === undefined && after !== undefined)
    throw new CallError('INVALID_ARGUMENT', `Cannot browse "${name}" after a position of no partition; say which partition`)
  const count = await host.topics.partitions(name)
  if (partition !== undefined && partition >= count)
    throw new CallError('NOT_FOUND', `Cannot browse partition ${partition} of "${name}": it has ${count}`)
  const wanted = partition === undefined ? Array.from({ length: count }, (_, at) => at) : [partition]
  // One more tells whether there are others.
  const each = Math.ceil(limit / wanted.length) + 1
  const found: Delivery[] = []
  for (const at of wanted) found.push(...(await host.topics.browse({ topic: name, partition: at, after, limit: each })))
  if (partition === undefined) found.sort((a, b) => a.message.time - b.message.time)
  const messages: Delivery[] = []
  let size = 0
  for (const one of found) {
    if (messages.length === limit || size >= bytes) break
    messages.push(one)
    size += Buffer.byteLength(one.message.data)
  }
  return { messages: messages as z.infer<typeof Read>[], more: found.length > messages.length }
}

function eventOf(host: DoorHost, name: string): { readonly event: AnyEvent; readonly service: string } {
  for (const { name: service, events } of host.contracts)
    for (const event of events) if (event.name === name) return { event, service }
  const names = host.contracts.flatMap(({ events }) => events.map((event) => event.name))
  throw new CallError('NOT_FOUND', `Cannot publish "${name}": no contract declares it; there are ${names.join(', ') || 'none'}`)
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)
