import { CallError } from 'dure/contract'
import type { Broker, Delivery, EmbeddedBrokerWorld } from 'dure/messaging'
import { never, type Process } from '../kernel/kernel.ts'

/** What befalls a broker, asked at each step. */
export type BrokerFate = {
  readonly unavailable: (process: Process) => boolean
  /** It is done and nobody is told: who published does it again. */
  readonly answerLost: (process: Process, what: string) => boolean
  /** A batch that was done comes once more, as after a rebalance whose positions were not yet noted. */
  readonly again: (process: Process, place: string) => boolean
  /** Milliseconds that a batch takes to get to its subscriber: so partitions overtake each other. */
  readonly delay: (process: Process, place: string) => number
  readonly sometimes: (what: string) => void
}

/** The real embedded broker, and between its steps whatever can happen to its process and to what it was told. */
export function simulatedBroker(options: {
  readonly process: Process
  readonly fate: BrokerFate
  /** What stands between processes and it. */
  readonly between?: ((broker: Broker, process: Process) => Broker) | undefined
  readonly adapter: (world: EmbeddedBrokerWorld) => Broker | Promise<Broker>
}): (world: EmbeddedBrokerWorld) => Promise<Broker> {
  const { process, fate, between = (broker: Broker) => broker } = options
  return async (world) => {
    if (process.point('broker opens')) return never()
    const opened = (file: { readonly close: () => void }): void => void process.files.push(file)
    const inner = await options.adapter({ ...world, opened })

    /** One step: it may be refused, it may be done without an answer, and its process may die before or after it. */
    const step = async <T>(what: string, detail: string, work: () => Promise<T>): Promise<T> => {
      if (process.point(what, detail)) return never()
      if (fate.unavailable(process)) throw new CallError('UNAVAILABLE', `Cannot ${what}: the broker is not available`)
      const result = await work()
      if (process.point(`${what} done`, detail)) return never()
      if (fate.answerLost(process, what))
        throw new CallError('UNAVAILABLE', `Cannot ${what}: the connection was lost before the answer`)
      return result
    }

    const simulated: Broker = {
      ...inner,
      publish: (messages) => step('publish', messages.map(nameOf).join(), () => inner.publish(messages)),
      send: (messages) => step('send', messages.map(nameOf).join(), () => inner.send(messages)),
      declareTopic: (topic, options) => step('declare', topic, () => inner.declareTopic(topic, options)),
      subscribe: (options) =>
        step('subscribe', options.group, () =>
          inner.subscribe({
            ...options,
            deliver: async (batch, partition) => {
              const place = `${options.group} ${partition.topic}/${partition.partition}`
              const delay = fate.delay(process, place)
              if (delay > 0) await process.pause(delay)
              if (process.point('deliver', `${place} ${idsOf(batch)}`)) return never()
              await options.deliver(batch, partition)
              if (process.point('acknowledge', place)) return never()
              if (fate.again(process, place)) {
                fate.sometimes('a batch that was done came again')
                throw new CallError('ABORTED', 'The position could not be noted; the batch comes again')
              }
            },
          }),
        ),
      receive: (options) =>
        step('receive', options.queue, () =>
          inner.receive({
            ...options,
            handle: async (message) => {
              if (process.point('hand over', `${options.queue} ${nameOf(message)}`)) return never()
              await options.handle(message)
              if (process.point('acknowledge', options.queue)) return never()
              if (fate.again(process, options.queue)) {
                fate.sometimes('work that was done came again')
                throw new CallError('ABORTED', 'The acknowledgement was lost; the work comes again')
              }
            },
          }),
        ),
    }
    return between(simulated, process)
  }
}

/** Events of a batch that are named in a run's story. */
const NAMED = 5

function idsOf(batch: readonly Delivery[]): string {
  const named = batch.slice(0, NAMED).map(({ message }) => nameOf(message))
  return batch.length > NAMED ? `${named.join()} and ${batch.length - NAMED} more` : named.join()
}

/** What the story of a run calls an event: `order.placed 0199… "2-0"`. */
function nameOf({ type, id, key }: { readonly type: string; readonly id: string; readonly key: string }): string {
  return `${type} ${id} ${JSON.stringify(key)}`
}
