import type { Broker, ReactionReading } from '../messaging/messaging.ts'
import type { Clock } from '../runtime/runtime.ts'
import { FAMILIES, type MetricFamily, type Reading } from '../telemetry/telemetry.ts'
import { PROCESS, tellerOf } from '../telemetry/internal.ts'
import type { RetainedReading } from './retention.ts'
import type { ServiceStatus } from './system.ts'

/** What each consumer group has still to read, by partition, and for how long that has been there. */
export async function lagReadings(broker: Pick<Broker, 'lag'>, clock: Clock): Promise<readonly Reading[]> {
  const lags = await broker.lag()
  const now = clock.now()
  return lags.flatMap(({ group, topic, partition, lag, since, lost = 0 }) => {
    const attributes = {
      'messaging.consumer.group.name': group,
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': String(partition),
    }
    // Who has read everything is not behind; where the time is not known, nothing is said.
    const age = lag === 0 ? 0 : since === undefined ? undefined : secondsSince(since, now)
    return [
      { family: FAMILIES.lag, attributes, value: lag },
      ...(lost === 0 ? [] : [{ family: FAMILIES.lost, attributes, value: lost }]),
      ...(age === undefined ? [] : [{ family: FAMILIES.lagAge, attributes, value: age }]),
    ]
  })
}

function secondsSince(time: number | undefined, now: number): number {
  return time === undefined ? 0 : Math.max(0, now - time) / 1_000
}

/** The same as metrics, for a process that asks another one's broker. */
export async function lagFamilies(broker: Pick<Broker, 'lag'>, clock: Clock): Promise<readonly MetricFamily[]> {
  const readings = await lagReadings(broker, clock)
  return readings.map(({ family, attributes, value }): MetricFamily => ({ ...family, points: [{ attributes, value }] }))
}

type Measured = {
  readonly counts: () => ServiceStatus & { readonly outboxAge: number; readonly outboxSize: number }
  readonly readings: () => Promise<readonly ReactionReading[]>
  readonly dataReadings?: () => Promise<readonly Reading[]> | readonly Reading[]
  readonly retained?: () => Promise<readonly RetainedReading[]>
}

/** What one service has in hand and on its way. */
export async function serviceReadings(instance: Measured, clock: Clock): Promise<readonly Reading[]> {
  const { service, callsInFlight, outbox, outboxSize, outboxAge, dead } = instance.counts()
  // The dead of queues are the broker's to tell; when it does not, the rest is told.
  const [reactions, retained, own] = await Promise.all([
    instance.readings().catch(() => []),
    instance.retained?.().catch(() => []) ?? [],
    instance.dataReadings?.() ?? [],
  ])
  const now = clock.now()
  const attributes = { 'rpc.service': service }
  return [
    { family: FAMILIES.inFlight, attributes, value: callsInFlight },
    { family: FAMILIES.outboxDepth, attributes, value: outbox },
    { family: FAMILIES.outboxSize, attributes, value: outboxSize },
    { family: FAMILIES.outboxAge, attributes, value: outboxAge / 1_000 },
    { family: FAMILIES.dead, attributes, value: dead },
    ...own.map((reading) => ({ ...reading, attributes: { ...attributes, ...reading.attributes } })),
    ...retained.flatMap(({ part, rows, bytes, age = 0 }) => {
      const own = { ...attributes, 'dure.retained.part': part }
      return [
        { family: FAMILIES.retained, attributes: own, value: rows },
        { family: FAMILIES.retainedSize, attributes: own, value: bytes },
        { family: FAMILIES.retainedAge, attributes: own, value: age / 1_000 },
      ]
    }),
    ...reactions.flatMap(({ consumer, topic, waiting, deadLetters, held, oldest, handled }) => {
      const own = { ...attributes, 'messaging.consumer.group.name': consumer }
      return [
        { family: FAMILIES.waiting, attributes: own, value: waiting },
        { family: FAMILIES.deadLetters, attributes: own, value: deadLetters },
        { family: FAMILIES.deadLettersAge, attributes: own, value: secondsSince(oldest, now) },
        { family: FAMILIES.held, attributes: own, value: held },
        ...(handled === undefined
          ? []
          : [{ family: FAMILIES.consumed, attributes: { ...own, 'messaging.destination.name': topic }, value: handled }]),
      ]
    }),
  ]
}

/** What is told of one service, out of what its process tells; and of the process, which whoever reads has from one of its services. */
export function familiesOf(families: readonly MetricFamily[], service: string): readonly MetricFamily[] {
  return families.map((family): MetricFamily => {
    const mine = family.points.filter(({ attributes }) => tellerOf(attributes) === service || attributes[PROCESS] !== undefined)
    return { ...family, points: mine }
  })
}
