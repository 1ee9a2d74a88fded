import rhea from 'rhea'
import { CallError } from 'dure/contract'
import type { Runtime } from 'dure/runtime'
import { isRefusal, refusalOf } from './errors.ts'
import type { Arrival } from './links.ts'
import type { Line } from './line.ts'
import type { Wire } from './wire.ts'

/** What Classic and Artemis do each in its own way. */
export type Server = {
  readonly topicTarget: (address: string) => rhea.TerminusOptions
  readonly topicSource: (address: string) => rhea.Source
  readonly queueTarget: (name: string) => rhea.TerminusOptions
  readonly queueSource: (name: string) => rhea.Source
  /** A queue that one consumer has at a time; who comes later waits until it has gone, with all that it had in hand. */
  readonly groupSource: (queue: string, address: string) => rhea.Source
  /** Makes what is not there. A queue with an address has all that is published there. */
  readonly ensure: (queues: readonly QueueName[]) => Promise<void>
  /** All queues of this system, by their names. */
  readonly stats: () => Promise<ReadonlyMap<string, QueueStats>>
  /** Undefined: clients cannot. */
  readonly remove: ((queues: readonly string[]) => Promise<void>) | undefined
}

export type QueueName = { readonly name: string; readonly address?: string }
export type QueueStats = { readonly size: number; readonly consumers: number; readonly since: number | undefined }

/** @throws {CallError} FAILED_PRECONDITION for a server that is neither, or does not tell what is needed */
export async function serverOf(line: Line, runtime: Runtime, prefix: string): Promise<Server> {
  const { product = 'something else' } = (await line.wire()).properties
  const ask = createQuestions(line, runtime)
  if (product === 'ActiveMQ') return classic(line, ask, prefix)
  if (product === 'apache-activemq-artemis') return artemis(ask, prefix)
  throw new CallError(
    'FAILED_PRECONDITION',
    `Cannot use the server at ${line.where}: it is "${String(product)}"; use ActiveMQ Classic 6 or ActiveMQ Artemis 2.x`,
  )
}

type Answer = { readonly body: unknown; readonly application_properties?: Record<string, unknown> }
/** Asks the server itself; answers come until `isLast`. */
type Ask = (
  target: rhea.TerminusOptions,
  question: Readonly<Record<string, unknown>>,
  isLast: (answer: Answer) => boolean,
) => Promise<readonly Answer[]>

const ANSWERS = 500

function createQuestions(line: Line, { ids }: Runtime): Ask {
  const waiting = new Map<
    string,
    { readonly answers: Answer[]; readonly isLast: (answer: Answer) => boolean; readonly done: () => void }
  >()
  const inboxes = new WeakMap<Wire, Promise<string>>()

  const open = async (wire: Wire): Promise<string> => {
    const address = Promise.withResolvers<string>()
    const arrived = ({ bytes, accept }: Arrival): void => {
      accept()
      const answer = rhea.message.decode(bytes) as unknown as Answer & { readonly correlation_id?: unknown }
      const asked = waiting.get(String(answer.correlation_id))
      asked?.answers.push(answer)
      if (asked?.isLast(answer) === true) asked.done()
      inlet.credit(1)
    }
    const inlet = await wire.inlet({ source: { dynamic: true } as rhea.Source, arrived, named: address.resolve })
    inlet.credit(ANSWERS)
    return address.promise
  }

  return async (target, question, isLast) => {
    const wire = await line.wire()
    const inbox = inboxes.get(wire) ?? open(wire)
    inboxes.set(wire, inbox)
    const [id, over, answers] = [ids.next(), Promise.withResolvers<void>(), [] as Answer[]]
    waiting.set(id, { answers, isLast, done: over.resolve })
    try {
      const [reply_to, outlet] = await Promise.all([inbox, wire.outlet(target)])
      await outlet.send(rhea.message.encode({ ...question, ttl: 60_000, reply_to, correlation_id: id }))
      await wire.waiting(over.promise)
      return answers
    } finally {
      waiting.delete(id)
    }
  }
}

const queue = (address: string) => ({ address, capabilities: ['queue'] })
const topic = (address: string) => ({ address, capabilities: ['topic'] })

/** Its queues are made by who first reads or writes; what there is tells a plugin of it. */
async function classic(line: Line, ask: Ask, prefix: string): Promise<Server> {
  const STATISTICS = 'ActiveMQ.Statistics.Destination'
  const properties = {
    [`${STATISTICS}.List.End.With.Null`]: true,
    [`${STATISTICS}.Include.First.Message.Timestamp`]: true,
  }
  const look = async (pattern: string): Promise<readonly (readonly [string, QueueStats])[]> => {
    const question = { application_properties: properties, body: '' }
    const isLast = ({ body }: Answer): boolean => (body as { readonly destinationName?: unknown }).destinationName === undefined
    const answers = await ask(queue(`${STATISTICS}.${pattern}`), question, isLast)
    return answers.slice(0, -1).map(({ body }) => {
      const { destinationName, size, consumerCount, firstMessageTimestamp } = body as Record<string, unknown>
      const name = String(destinationName).replace('queue://', '')
      const since = Number(firstMessageTimestamp ?? 0)
      return [name, { size: Number(size), consumers: Number(consumerCount), since: since > 0 ? since : undefined }] as const
    })
  }
  const server: Server = {
    topicTarget: (address) => topic(`topic://${address}`),
    topicSource: (address) => topic(`topic://${address}`),
    queueTarget: queue,
    queueSource: queue,
    groupSource: (name) => queue(`${name}?consumer.exclusive=true`),
    ensure: async (queues) => {
      const wire = await line.wire()
      const made = queues.map(async ({ name }) => (await wire.inlet({ source: queue(name), arrived: () => {} })).close())
      await Promise.all(made)
    },
    stats: async () => new Map((await Promise.all([look(`Consumer.*.VirtualTopic.${prefix}.>`), look(`${prefix}.>`)])).flat()),
    remove: undefined,
  }
  try {
    await server.stats()
  } catch (error) {
    if (isRefusal(error)) throw error
    throw new CallError(
      'FAILED_PRECONDITION',
      `Cannot use ActiveMQ Classic at ${line.where}: it does not say what its queues hold; add <statisticsBrokerPlugin/> to the <plugins> of its activemq.xml`,
    )
  }
  return server
}

/** What a queue of ours has to be: never thrown away, and left alone however often its messages have come. */
const ADDRESS_SETTINGS = { maxDeliveryAttempts: -1, autoDeleteQueues: false, autoDeleteAddresses: false }

/** Its management makes queues, and tells of them. */
async function artemis(ask: Ask, prefix: string): Promise<Server> {
  const manage = async (operation: string, ...words: readonly unknown[]): Promise<unknown> => {
    const question = {
      application_properties: { _AMQ_ResourceName: 'broker', _AMQ_OperationName: operation },
      body: JSON.stringify(words),
    }
    const [answer] = await ask(queue('activemq.management'), question, () => true)
    const [result] = JSON.parse(String(answer!.body || '[]')) as unknown[]
    if (answer!.application_properties?.['_AMQ_OperationSucceeded'] === true) return result
    throw refusalOf({ condition: 'amqp:unauthorized-access', description: `${operation}: ${String(result)}` })
  }
  const page = async (number: number): Promise<readonly (readonly [string, QueueStats])[]> => {
    const filter = JSON.stringify({ field: 'name', operation: 'CONTAINS', value: `${prefix}.` })
    type Page = { readonly data: readonly Record<string, unknown>[] }
    const { data } = JSON.parse(String(await manage('listQueues', filter, number, ANSWERS))) as Page
    return data.map(({ name, messageCount, consumerCount }) => [
      String(name),
      { size: Number(messageCount), consumers: Number(consumerCount), since: undefined },
    ])
  }
  for (const match of [`${prefix}.#`, `VirtualTopic.${prefix}.#`])
    await manage('addAddressSettings', match, JSON.stringify(ADDRESS_SETTINGS))
  return {
    topicTarget: topic,
    topicSource: topic,
    queueTarget: queue,
    queueSource: queue,
    groupSource: (name, address) => topic(`${address}::${name}`),
    ensure: async (queues) => {
      const made = queues.map(({ name, address }) => {
        const routing = address === undefined ? 'ANYCAST' : 'MULTICAST'
        const kind = { durable: true, exclusive: address !== undefined, 'auto-delete': false }
        return manage('createQueue', JSON.stringify({ name, address: address ?? name, 'routing-type': routing, ...kind }), true)
      })
      await Promise.all(made)
    },
    stats: async () => {
      const found: (readonly [string, QueueStats])[] = []
      for (let number = 1; ; number++) {
        const more = await page(number)
        found.push(...more)
        if (more.length < ANSWERS) return new Map(found)
      }
    },
    remove: async (queues) => void (await Promise.all(queues.map((name) => manage('destroyQueue', name, true)))),
  }
}
