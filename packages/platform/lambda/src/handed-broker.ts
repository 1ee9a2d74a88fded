import { CallError, type Message } from 'dure/contract'
import type { Broker } from 'dure/messaging'

/** A broker of whose messages somebody else brings those that are to be worked on. */
export type HandedBroker = {
  readonly broker: Broker
  /**
   * Has every service that reacts to it do so, or the one that works on it. Resolves when each has its effect, or has set it aside to
   * try again; rejects when it is to be brought again, or nobody takes it.
   */
  readonly take: (message: Message) => Promise<void>
}

/** Days for which whoever brings messages may keep one: the most that SQS does. */
const RETENTION = 14 * 24 * 3_600_000

/**
 * @param out what takes what services publish
 * @param isWork whether one of those who take this type has it, and not each
 */
export function handedBroker(out: Broker | Pick<Broker, 'publish' | 'send'>, isWork: (type: string) => boolean): HandedBroker {
  const takers = new Map<string, ((message: Message) => Promise<void>)[]>()
  const outside = 'subscribe' in out ? out : undefined
  const broker: Broker = {
    name: outside?.name ?? 'function',
    capabilities: { ...BROUGHT, durable: outside?.capabilities.durable ?? true },
    publish: (messages) => out.publish(messages),
    send: (messages) => out.send(messages),
    declareTopic: async (...asked) => outside?.declareTopic(...asked),
    declareGroup: async () => {},
    partitions: (topic) => outside?.partitions(topic) ?? cannot(`say how "${topic}" is divided`),
    retention: async () => RETENTION,
    subscribe: ({ group }) => cannot(`have "${group}" read topics by itself`),
    seek: ({ group }) => cannot(`move "${group}"`),
    forget: ({ group }) => cannot(`forget "${group}"`),
    browse: ({ topic }) => cannot(`browse "${topic}"`),
    find: () => cannot('look for messages'),
    receive: async ({ queue, handle }) => {
      const known = takers.get(queue) ?? []
      takers.set(queue, known)
      known.push(handle)
      return { stop: async () => void known.splice(known.indexOf(handle), 1) }
    },
    // What is still to be read is known to who brings it.
    lag: async () => [],
    stop: async (how) => outside?.stop(how),
  }
  return {
    broker,
    take: async (message) => {
      const all = takers.get(message.type) ?? []
      if (all.length === 0)
        throw new CallError('NOT_FOUND', `Cannot take "${message.id}": no service of this function reacts to "${message.type}"`)
      await Promise.all((isWork(message.type) ? all.slice(0, 1) : all).map((take) => take(message)))
    },
  }
}

const BROUGHT = { log: false, replay: false, browse: false, age: false, ordered: true, topics: true, queues: true }

function cannot(what: string): Promise<never> {
  const text = `Cannot ${what} in a function: its platform brings what is to be worked on; run what reads by itself in a process`
  return Promise.reject(new CallError('UNIMPLEMENTED', text))
}
