import type { Broker } from '../messaging/messaging.ts'
import { FAMILIES, type Reading } from '../telemetry/telemetry.ts'
import type { Unit } from './unit.ts'

/** What each consumer group has still to read, by partition. */
export async function lagReadings(broker: Broker): Promise<readonly Reading[]> {
  const lags = await broker.lag()
  return lags.map(({ group, topic, partition, lag }) => ({
    family: FAMILIES.lag,
    attributes: {
      'messaging.consumer.group.name': group,
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': String(partition),
    },
    value: lag,
  }))
}

/** What one service has in hand and on its way. */
export async function unitReadings(unit: Unit): Promise<readonly Reading[]> {
  const { service, callsInFlight, outbox, outboxAge, dead } = await unit.status()
  const attributes = { 'rpc.service': service }
  return [
    { family: FAMILIES.inFlight, attributes, value: callsInFlight },
    { family: FAMILIES.outboxDepth, attributes, value: outbox },
    { family: FAMILIES.outboxAge, attributes, value: outboxAge / 1_000 },
    { family: FAMILIES.dead, attributes, value: dead },
  ]
}
