import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answering, soundAnswers, type Answers, type Item } from '../workload/answers.test-support.ts'
import type { TrackedUpdate } from '../workload/anomalies.ts'
import { NOTHING_OBSERVED, type Observed } from '../workload/facts.ts'
import { gatherFacts } from '../workload/gather.ts'
import type { Effects } from '../witness/effects.ts'
import { judge, type ProviderBooks, type Verdict } from './verdict.ts'

const observed: Observed = {
  ...NOTHING_OBSERVED,
  acceptedCheckouts: new Set(['t1', 't2', 't3', 't4']),
  acceptedUpdates: new Set(['v1']),
  delivered: 2,
}
const sound: ProviderBooks = { charges: 3, succeeded: 2, amount: 4130 }
const update = (version: string, price: number, done = 1): TrackedUpdate => ({ version, price, sent: 0, done })

async function verdict(
  change: (answers: Answers) => void = () => {},
  options: { seen?: Partial<Observed>; books?: Partial<ProviderBooks>; updates?: TrackedUpdate[]; effects?: Effects } = {},
): Promise<Verdict> {
  const answers = soundAnswers()
  change(answers)
  return judge({
    facts: await gatherFacts(answering(answers)),
    observed: { ...observed, ...options.seen },
    updates: new Map([['1/2', options.updates ?? [update('0', 11), update('v1', 10.3)]]]),
    effects: options.effects,
    books: { ...sound, ...options.books },
  })
}

const list = (answers: Answers, path: string): Item[] => answers[path] as Item[]
const nothing: Verdict = { lost: [], doubled: [], effects: undefined }

test('nothing is lost and nothing doubled in a sound marketplace', async () => {
  assert.deepEqual(await verdict(), nothing)
})

const losses: readonly [what: string, message: RegExp, found: () => Promise<Verdict>][] = [
  [
    'a checkout without an end',
    /t4 was acknowledged and never ended/,
    () => verdict((a) => void list(a, '/marks/list').splice(3, 1)),
  ],
  [
    'an order',
    /t3 succeeded and its order is not there/,
    () => verdict((a) => void list(a, '/orders').splice(2, 1), { books: { charges: 3 } }),
  ],
  ['a shipment', /order 1\/1 is paid and has no shipment/, () => verdict((a) => void list(a, '/shipments').shift())],
  ['the end of an update', /update v1 was acknowledged/, () => verdict((a) => void list(a, '/marks/list').pop())],
  ['the effect of an update', /update of product 1\/2 is not there/, () => verdict(undefined, { updates: [update('v1', 99)] })],
  [
    'an update overwritten by an older one',
    /product 1\/2/,
    () => verdict(undefined, { updates: [update('v1', 10.3), update('v2', 5)] }),
  ],
  ['a delivery', /3 deliveries were acknowledged, 2 are there/, () => verdict(undefined, { seen: { delivered: 3 } })],
  ['a line of a cart', /t1 holds 1 of 2/, () => verdict(undefined, { seen: { shortCheckouts: ['t1 holds 1 of 2 lines'] } })],
  ['a charge', /2 charges for 3 orders/, () => verdict(undefined, { books: { charges: 2 } })],
]
for (const [what, message, found] of losses) {
  test(`lost is noticed: ${what}`, async () => {
    assert.match((await found()).lost.join('\n'), message)
  })
}

const doubles: readonly [what: string, message: RegExp, found: () => Promise<Verdict>][] = [
  ['an order', /checkout t1 made 2 orders/, () => verdict((a) => (list(a, '/orders')[1]!['instanceId'] = 't1'))],
  ['an end', /t3 ended 2 times/, () => verdict((a) => void list(a, '/marks/list').push(list(a, '/marks/list')[2]!))],
  ['a shipment', /1\/1 has 2 shipments/, () => verdict((a) => void list(a, '/shipments').push(list(a, '/shipments')[0]!))],
  ['a payment', /1\/1 has more than one payment/, () => verdict((a) => void list(a, '/payments').push(list(a, '/payments')[0]!))],
  ['a refusal', /1\/2 has more than one payment/, () => verdict((a) => void list(a, '/payments').push(list(a, '/payments')[2]!))],
  ['a charge outside', /4 charges for 3 orders/, () => verdict(undefined, { books: { charges: 4 } })],
  ['an amount outside', /charged 8260 cents of 4130/, () => verdict(undefined, { books: { amount: 8260 } })],
  ['a delivery', /1 deliveries were asked for, 2 are there/, () => verdict(undefined, { seen: { delivered: 1 } })],
]
for (const [what, message, found] of doubles) {
  test(`doubled is noticed: ${what}`, async () => {
    assert.match((await found()).doubled.join('\n'), message)
  })
}

test('what the witnesses in the stores saw counts as well', async () => {
  const effects: Effects = { lost: ['a'], doubled: ['b'], overtaken: ['c'], consumers: 1, effects: 2, keys: 1 }
  assert.deepEqual(await verdict(undefined, { effects }), { lost: ['a'], doubled: ['b'], effects })
})

test('what got no answer may have happened or not', async () => {
  const unknown = Number.POSITIVE_INFINITY
  assert.deepEqual(await verdict(undefined, { updates: [update('0', 11), update('v1', 10.3, unknown)] }), nothing)
  assert.deepEqual(await verdict(undefined, { updates: [update('v1', 10.3), update('v2', 5, unknown)] }), nothing)
  assert.deepEqual(await verdict(undefined, { updates: [update('v2', 5, unknown)] }), nothing)
  assert.deepEqual(await verdict(undefined, { seen: { delivered: 1, unknownDeliveries: 1 } }), nothing)
})
