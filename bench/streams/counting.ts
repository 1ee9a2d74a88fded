/** A service that counts by key, and messages for it. */
import { contract, event, type Message } from 'dure/contract'
import { database, sqlite } from 'dure/data'
import { embeddedBroker, type Broker } from 'dure/messaging'
import { service, system, type Adapter, type System } from 'dure/service'
import { stream, topology } from 'dure/stream'
import { z } from 'zod'
import { documents } from './documents.ts'

export const NAME = 'counting'
/** As many messages as a broker hands to a stream at once. */
export const BATCH = 4_096

export const Placed = event('bench.order', { schema: z.object({ id: z.string(), n: z.int() }), key: ({ id }) => id })
const Counting = contract(NAME, { version: '1.0.0', owner: 'bench', operations: {}, events: [] })

export const ofOneProcess: Adapter<Broker> = embeddedBroker({ durability: 'process' })

export function counting(
  broker: Adapter<Broker> = ofOneProcess,
  adapter: Parameters<typeof system>[1]['database'] = sqlite({ durability: 'process' }),
): System {
  const counts = topology('counts', [stream(Placed).byKey().count({ name: 'count' })])
  const one = service(Counting, { database: database({ migrations: {} }), extensions: [counts], handlers: {} })
  return system(NAME, { services: [one], broker, database: adapter })
}

/** So many, of a thousand keys. */
export const messagesOf = (count: number): readonly Message[] =>
  documents(count).map(({ key, value, time }, n) => ({
    ...{ id: `message-${n}`, source: NAME, type: Placed.name, key, time, schemaVersion: 1, correlationId: NAME },
    ...{ causationId: undefined, traceparent: undefined, data: value.toString() },
  }))
