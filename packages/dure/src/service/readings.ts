import type { Broker } from '../messaging/messaging.ts'
import { FAMILIES, type MetricFamily, type Reading } from '../telemetry/telemetry.ts'
import type { ServiceStatus } from './system.ts'

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

/** The same as metrics, for a process that asks another one's broker. */
export async function lagFamilies(broker: Broker): Promise<readonly MetricFamily[]> {
  const readings = await lagReadings(broker)
  return readings.map(({ family, attributes, value }): MetricFamily => ({ ...family, points: [{ attributes, value }] }))
}

type Measured = { readonly status: () => Promise<ServiceStatus & { readonly outboxAge: number }> }

/** What one service has in hand and on its way. */
export async function unitReadings(unit: Measured): Promise<readonly Reading[]> {
  const { service, callsInFlight, outbox, outboxAge, dead } = await unit.status()
  const attributes = { 'rpc.service': service }
  return [
    { family: FAMILIES.inFlight, attributes, value: callsInFlight },
    { family: FAMILIES.outboxDepth, attributes, value: outbox },
    { family: FAMILIES.outboxAge, attributes, value: outboxAge / 1_000 },
    { family: FAMILIES.dead, attributes, value: dead },
  ]
}

/** What is told of one service, out of what its process tells. */
export function familiesOf(families: readonly MetricFamily[], service: string): readonly MetricFamily[] {
  return families.map((family): MetricFamily => {
    return { ...family, points: family.points.filter(({ attributes }) => attributes['rpc.service'] === service) }
  })
}
