import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReactionReading } from '../messaging/messaging.ts'
import { virtualRuntime } from '../runtime/runtime.ts'
import { FAMILIES, type Reading } from '../telemetry/telemetry.ts'
import { lagReadings, serviceReadings } from './readings.ts'

const { clock } = virtualRuntime()
const ago = (ms: number): number => clock.now() - ms
const told = (readings: readonly Reading[]): readonly (readonly [string, string, number])[] =>
  readings.map(({ family, attributes, value }) => [family.name, Object.values(attributes).join(' '), value])

test('every consumer group tells its lag in messages and, where it is known, in time', async () => {
  const lag = async () => [
    { group: 'desk/placed', topic: 'placed', partition: 0, lag: 3, since: ago(2_500), lost: 7 },
    { group: 'desk/placed', topic: 'placed', partition: 1, lag: 0, since: undefined },
    { group: 'queue', topic: 'print', partition: 0, lag: 2 },
  ]
  assert.deepEqual(told(await lagReadings({ lag }, clock)), [
    ['messaging.consumer.lag', 'desk/placed placed 0', 3],
    ['dure.consumer.lost', 'desk/placed placed 0', 7],
    ['dure.consumer.lag.age', 'desk/placed placed 0', 2.5],
    ['messaging.consumer.lag', 'desk/placed placed 1', 0],
    ['dure.consumer.lag.age', 'desk/placed placed 1', 0],
    ['messaging.consumer.lag', 'queue print 0', 2],
  ])
})

test('every service tells what its outbox does, every consumer its dead letters, the age of the oldest, what they hold and what waits', async () => {
  const counts = () => ({
    ...{ service: 'desk', copy: 'desk' },
    callsInFlight: 0,
    outbox: 0,
    outboxAge: 0,
    outboxSize: 0,
    inHand: 0,
    waiting: 0,
    dead: 5,
  })
  const reading: ReactionReading = {
    ...{ consumer: 'desk/placed', kind: 'topic', topic: 'placed' },
    ...{ waiting: 4, deadLetters: 2, held: 3, oldest: ago(90_000), handled: 70 },
  }
  const all = told(await serviceReadings({ counts, readings: async () => [reading] }, clock))
  assert.deepEqual(
    all.filter(([name]) => name.startsWith('dure.consumer')),
    [
      ['dure.consumer.dead', 'desk', 5],
      ['dure.consumer.waiting', 'desk desk/placed', 4],
      ['dure.consumer.dead_letters', 'desk desk/placed', 2],
      ['dure.consumer.dead_letters.age', 'desk desk/placed', 90],
      ['dure.consumer.held', 'desk desk/placed', 3],
    ],
  )
  assert.deepEqual(
    all.filter(([name]) => name === FAMILIES.consumed.name),
    [['messaging.client.consumed.messages', 'desk desk/placed placed', 70]],
  )
  const lanes = { family: FAMILIES.outboxLanes, attributes: { name: 'own' }, value: 16 }
  const more = told(await serviceReadings({ counts, readings: async () => [], dataReadings: () => [lanes] }, clock))
  assert.deepEqual(
    more.filter(([name]) => name === 'dure.outbox.lanes'),
    [['dure.outbox.lanes', 'desk own', 16]],
  )
  // A broker that does not tell of its queues takes nothing else along.
  const silent = told(await serviceReadings({ counts, readings: () => Promise.reject(new Error('away')) }, clock))
  assert.deepEqual(
    silent,
    all.filter(([, attributes]) => attributes === 'desk'),
  )
})
