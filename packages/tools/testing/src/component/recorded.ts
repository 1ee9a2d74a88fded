import type { AnyEvent, Message } from 'dure/contract'
import { wireOf } from 'dure/contract/internal'
import type { Broker } from 'dure/messaging'
import type { ReceivedEvent } from 'dure/service'

/** What services published and sent, as their broker took it. */
export type Recorded = {
  /** The same broker, and what it takes is recorded. */
  readonly around: (broker: Broker) => Broker
  readonly note: (batch: readonly Message[]) => void
  readonly of: <E extends AnyEvent>(event: E) => readonly ReceivedEvent<E>[]
}

/** Characters of data that are kept; a test that publishes more is no test of a component. */
const MOST = 64 * 1024 * 1024

export function createRecorded(): Recorded {
  // An outbox may deliver twice, and it is one event.
  const messages = new Map<string, Message>()
  let size = 0
  const note = (batch: readonly Message[]): void => {
    for (const message of batch) {
      if (messages.has(message.id)) continue
      size += message.data.length
      if (size <= MOST) messages.set(message.id, message)
    }
  }
  return {
    note,
    around: (broker) => ({
      ...broker,
      publish: async (batch) => {
        await broker.publish(batch)
        note(batch)
      },
      send: async (batch) => {
        await broker.send(batch)
        note(batch)
      },
    }),
    of: (event) => {
      if (size > MOST)
        throw new RangeError(
          `Cannot tell what was published of "${event.name}": more than 64 MiB of events came; publish less in one test`,
        )
      const { plain, fromJson } = wireOf(event.schema, 'output')
      return [...messages.values()]
        .filter(({ type }) => type === event.name)
        .map(({ id, type, source, key, time, correlationId, causationId, headers = {}, replyTo, sequence, initiator, data }) => {
          const json: unknown = JSON.parse(data)
          return {
            id,
            type,
            source,
            key,
            time,
            correlationId,
            causationId,
            headers,
            replyTo,
            sequence,
            initiator,
            data: (plain ? json : fromJson(json)) as never,
          }
        })
    },
  }
}
