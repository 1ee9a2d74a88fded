import type { SqlStore } from '../data/data.ts'
import type { Assignment, Broker, Delivery } from '../messaging/messaging.ts'

/** How far each consumer has read, of topics and of histories, beside what it has made of it. */
export const POSITIONS: string = `
  CREATE TABLE dure_positions (
    consumer TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    broker TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    position TEXT,
    newest BIGINT,
    events BIGINT NOT NULL DEFAULT 0,
    holder TEXT,
    done INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (consumer, topic, partition)
  )`

/** What a position is of. */
export type Place = { readonly consumer: string; readonly topic: string; readonly partition: number }

/**
 * Notes that a batch was taken. A reader that has lost its partition to a later one changes nothing; what it has done was
 * refused by its epoch. Written after what was made of the batch: whoever dies in between is brought it again, and its inbox
 * knows it.
 */
export async function notePosition(
  store: SqlStore,
  { consumer, topic, partition }: Place,
  { broker, epoch }: Pick<Assignment, 'broker' | 'epoch'>,
  batch: readonly Delivery[],
): Promise<void> {
  const newest = Math.max(...batch.map(({ message }) => message.time))
  await store.transaction(
    (tx) =>
      tx.run(
        `INSERT INTO dure_positions (consumer, topic, partition, broker, epoch, position, newest, events) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (consumer, topic, partition) DO UPDATE SET broker = excluded.broker, epoch = excluded.epoch,
           position = excluded.position, events = dure_positions.events + excluded.events,
           newest = CASE WHEN dure_positions.newest > excluded.newest THEN dure_positions.newest ELSE excluded.newest END
         WHERE dure_positions.broker <> excluded.broker OR dure_positions.epoch <= excluded.epoch`,
        [consumer, topic, partition, broker, epoch, batch.at(-1)!.position, newest, batch.length],
      ),
    { isolated: false },
  )
}

/**
 * A broker whose groups keep their positions in a store: what was made of the messages and how far they were read are kept,
 * lost and restored together, and no inbox has to remember what the broker keeps for longer.
 */
export function keepingPositions(broker: Broker, store: SqlStore): Broker {
  return {
    ...broker,
    // What was taken does not come again, however long it is kept.
    retention: async () => 0,
    subscribe: (request) => {
      const assignments = new Map<string, Assignment>()
      const nameOf = (place: { readonly topic: string; readonly partition: number }): string =>
        `${place.partition} ${place.topic}`
      return broker.subscribe({
        ...request,
        assigned: async (assignment) => {
          await request.assigned?.(assignment)
          assignments.set(nameOf(assignment), assignment)
          const [noted] = await store.select(
            'SELECT position, broker FROM dure_positions WHERE consumer = ? AND topic = ? AND partition = ?',
            [request.group, assignment.topic, assignment.partition],
          )
          // Another broker has counted otherwise.
          if (noted === undefined || noted['broker'] !== assignment.broker) return undefined
          return { after: String(noted['position']) }
        },
        deliver: async (batch, place) => {
          await request.deliver(batch, place)
          await notePosition(store, { consumer: request.group, ...place }, assignments.get(nameOf(place))!, batch)
        },
      })
    },
  }
}
