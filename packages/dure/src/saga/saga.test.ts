import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { saga } from './saga.ts'
import { Bank, line, Paid, Refused, rigOf, Ship, Shop, Unship, shopDatabase, until } from './saga.test-support.ts'

const input = z.object({ amount: z.int() })

const checkout = saga('checkout', {
  needs: { bank: Bank },
  database: shopDatabase,
  input,
  output: z.object({ receipt: z.string() }),
  run: async (s, { amount }) => {
    await s.step('order', {
      transaction: (tx) => line(tx, `order ${s.id}`),
      undo: (tx) => line(tx, `cancel ${s.id}`),
    })
    await s.step('stock', {
      transaction: (tx) => line(tx, `stock ${s.id}`),
      undo: (tx) => line(tx, `restock ${s.id}`),
    })
    const receipt = await s.step('pay', {
      do: ({ bank }) => bank.pay({ order: s.id, amount }),
      undo: ({ bank }) => bank.refund({ order: s.id }),
    })
    await s.step('confirm', { transaction: (tx) => line(tx, `confirm ${s.id}`) })
    return { receipt }
  },
})

test('a saga does its steps in order, once, and keeps what they came to', async (t) => {
  const { begin, state, lines, book, instance, steps } = await rigOf(t).run([checkout])
  assert.equal(await begin(checkout, 'a', { amount: 5 }), true)
  await until(async () => (await state('a')) === 'completed')
  assert.deepEqual(await lines(), ['order a', 'stock a', 'confirm a'])
  assert.deepEqual(await book(), ['pay a 5'])
  assert.equal((await instance('a'))['output'], '{"receipt":"receipt of a"}')
  assert.deepEqual(
    (await steps('a')).map((step) => `${step['kind']} ${step['name']} ${step['state']} ${step['result']}`),
    [
      'rows order done {"$dure":"undefined"}',
      'rows stock done {"$dure":"undefined"}',
      'step pay done "receipt of a"',
      'rows confirm done {"$dure":"undefined"}',
    ],
  )
  assert.equal(await begin(checkout, 'a', { amount: 5 }), false)
  await assert.rejects(begin(checkout, 'a', { amount: 6 }), { code: 'FAILED_PRECONDITION', message: /another input/ })
  await assert.rejects(begin(checkout, 'b', { amount: 'much' }), { code: 'INVALID_ARGUMENT' })
})

test('what is refused undoes what was done, the last first', async (t) => {
  const { begin, state, lines, book, instance } = await rigOf(t).run([checkout])
  await begin(checkout, 'a', { amount: 0 })
  await until(async () => (await state('a')) === 'compensated')
  assert.deepEqual(await lines(), ['order a', 'stock a', 'restock a', 'cancel a'])
  assert.deepEqual(await book(), [])
  assert.match(String((await instance('a'))['failure']), /CARD_REFUSED/)
})

test('a failure that is not declared is tried again, under the same key, and then pauses the saga with its reason', async (t) => {
  let tries = 0
  const impatient = saga('impatient', {
    needs: { bank: Bank },
    input,
    run: (s, { amount }) =>
      s.step('pay', { do: ({ bank }) => bank.pay({ order: s.id, amount }), retry: { attempts: 3, first: 1 } }),
  })
  const { begin, state, book, instance, steps } = await rigOf(t).run([impatient], {
    fail: () => {
      tries++
      if (tries !== 5) throw new Error('the bank is closed')
    },
  })
  await begin(impatient, 'a', { amount: 1 })
  await until(async () => (await state('a')) === 'paused')
  assert.equal(tries, 3)
  assert.match(String((await instance('a'))['reason']), /Step "pay" failed 3 times/)
  assert.equal((await steps('a'))[0]!['tries'], 3)
  await begin(impatient, 'b', { amount: 1 })
  await until(async () => (await state('b')) === 'completed')
  assert.deepEqual(await book(), ['pay b 1'])
})

test('while a saga waits for another try its system is not quiet; while it sleeps it is', async (t) => {
  const tried = saga('tried', {
    ...{ needs: { bank: Bank }, input },
    run: async (s) => {
      await s.sleep('a while', 50)
      await s.step('pay', {
        do: ({ bank }) => bank.pay({ order: s.id, amount: 1 }),
        retry: { attempts: 3, first: 300_000, max: 300_000 },
      })
    },
  })
  const asleep = saga('asleep', { input, run: (s) => s.sleep('long', 300_000) })
  const fail = (): void => {
    throw new Error('the line is down')
  }
  const { begin, steps, running } = await rigOf(t).run([tried, asleep], { fail })
  const quiet = async (): Promise<boolean> => (await running.status()).quiet
  await begin(asleep, 's', { amount: 1 })
  await until(async () => (await steps('s'))[0]?.['state'] === 'waiting')
  await until(quiet)
  await begin(tried, 't', { amount: 1 })
  await until(async () => (await steps('t'))[1]?.['tries'] === 1)
  assert.equal(await quiet(), false)
})

test('a declared error may be caught by the code, and the saga goes on another way', async (t) => {
  const generous = saga('generous', {
    needs: { bank: Bank },
    input,
    run: async (s, { amount }) => {
      try {
        return await s.step('pay', { do: ({ bank }) => bank.pay({ order: s.id, amount }) })
      } catch (error) {
        if (!Refused.is(error)) throw error
        return `free for ${error.data.card}`
      }
    },
  })
  const { begin, state, instance } = await rigOf(t).run([generous])
  await begin(generous, 'a', { amount: -1 })
  await until(async () => (await state('a')) === 'completed')
  assert.equal((await instance('a'))['output'], '"free for a"')
})

test('what has ended long enough ago is forgotten, and what has not ended is not', async (t) => {
  const rig = rigOf(t)
  const signals = { go: z.object({}) }
  const made = (retention: number) => [
    saga('short', { input, retention, run: (s) => s.step('once', { do: () => 1 }) }),
    saga('open', { input, signals, retention, run: (s) => s.signal('go') }),
  ]
  const before = made(3_600_000)
  const first = await rig.run(before)
  await first.begin(before[0]!, 'a', { amount: 1 })
  await first.begin(before[1]!, 'b', { amount: 1 })
  await until(async () => (await first.state('a')) === 'completed' && (await first.state('b')) === 'running')
  await first.running.stop()
  const { steps, instance } = await rig.run(made(1))
  await until(async () => (await steps('a')).length === 0)
  assert.deepEqual(await instance('a'), {})
  assert.equal((await instance('b'))['state'], 'running')
  for (const retention of [Number.NaN, 0, -1])
    assert.throws(() => saga('odd', { input, retention, run: async () => {} }), /retention/)
})

const patient = saga('patient', {
  input: z.unknown(),
  signals: { approve: z.object({ by: z.string() }) },
  events: [Paid],
  run: async (s) => {
    await s.sleep('a while', 20)
    const paid = await s.waitFor(Paid)
    const { by } = await s.signal('approve')
    const late = await s.waitFor(Paid, { timeout: 10, name: 'a second payment' })
    return `${paid.amount} by ${by}, ${late === undefined ? 'once' : 'twice'}`
  },
})

test('a saga sleeps, waits for an event and for a signal, over restarts, with nothing in memory', async (t) => {
  const rig = rigOf(t)
  let run = await rig.run([patient])
  await run.begin(patient, 'a')
  const waits = async (kind: string) =>
    (await run.steps('a')).some((step) => step['kind'] === kind && step['state'] === 'waiting')
  await until(() => waits('event'))
  await run.running.stop()
  run = await rig.run([patient])
  await run.running.client(Bank).tell({ order: 'b', amount: 1 })
  await run.running.client(Bank).tell({ order: 'a', amount: 7 })
  await until(() => waits('signal'))
  await run.running.stop()
  run = await rig.run([patient])
  await run.signal(patient, 'a', 'approve', { by: 'ann' })
  await until(async () => (await run.state('a')) === 'completed')
  assert.equal((await run.instance('a'))['output'], '"7 by ann, once"')
  await assert.rejects(run.signal(patient, 'a', 'approve', { by: 'bob' }), { code: 'FAILED_PRECONDITION', message: /has ended/ })
  await assert.rejects(run.signal(patient, 'x', 'approve', { by: 'bob' }), { code: 'NOT_FOUND' })
  await assert.rejects(run.signal(patient, 'a', 'deny', {}), { code: 'INVALID_ARGUMENT', message: /it knows "approve"/ })
  await assert.rejects(run.signal(patient, 'a', 'approve', {}), { code: 'INVALID_ARGUMENT' })
})

test('what comes before it is waited for is kept', async (t) => {
  const { begin, signal, state, instance, running } = await rigOf(t).run([patient])
  await begin(patient, 'a')
  await signal(patient, 'a', 'approve', { by: 'ann' })
  await running.client(Bank).tell({ order: 'a', amount: 7 })
  await until(async () => (await state('a')) === 'completed')
  assert.equal((await instance('a'))['output'], '"7 by ann, once"')
})

test('a step by message: the reply, or what is refused, comes back by message, over a restart; undone by message', async (t) => {
  const shipping = saga('shipping', {
    input,
    requests: [Ship, Unship],
    run: async (s, { amount }) => {
      const { parcels } = await s.request(
        'first',
        Ship,
        { order: s.id, parcels: 2 },
        { undo: (tx) => tx.send(Unship, { order: s.id }) },
      )
      await s.sleep('a moment', 1)
      const second = await s.request('second', Ship, { order: `${s.id} again`, parcels: amount })
      return parcels + second.parcels
    },
  })
  // Another saga that asks the same, and is answered its own.
  const other = saga('other', {
    input,
    requests: [Ship],
    run: async (s, { amount }) => (await s.request('only', Ship, { order: s.id, parcels: amount })).parcels,
  })
  const { begin, state, book, instance, running } = await rigOf(t).run([shipping, other])
  await begin(shipping, 'a', { amount: 3 })
  await begin(other, 'a', { amount: 7 })
  await begin(shipping, 'b', { amount: 0 })
  await until(async () => (await state('b')) === 'compensated')
  await until(async () => (await running.client(Shop).instances()).every((one) => one['state'] !== 'running'))
  assert.deepEqual((await running.client(Shop).instances()).map((one) => [one['saga'], one['id'], one['output']]).toSorted(), [
    ['other', 'a', '7'],
    ['shipping', 'a', '5'],
    ['shipping', 'b', null],
  ])
  await until(async () => (await book()).includes('unship b'))
  assert.equal(JSON.parse(String((await instance('b'))['failure'])).code, 'CARD_REFUSED')
})

test('a saga has children; what a child refuses undoes the parent, and a parent undoes what a child did', async (t) => {
  const refusing = saga('parent', {
    database: shopDatabase,
    input,
    run: async (s, { amount }) => {
      await s.step('mine', { transaction: (tx) => line(tx, 'mine'), undo: (tx) => line(tx, 'not mine') })
      const one = await s.child('one', checkout, { amount: 1 })
      await s.child('two', checkout, { amount })
      return one.receipt
    },
  })
  const { begin, state, lines, book, instance } = await rigOf(t).run([refusing, checkout])
  await begin(refusing, 'p', { amount: 3 })
  await until(async () => (await state('p')) === 'completed')
  assert.equal((await instance('p'))['output'], '"receipt of p/one"')
  await begin(refusing, 'q', { amount: 0 })
  await until(async () => (await state('q')) === 'compensated')
  assert.equal(await state('q/one'), 'compensated')
  assert.equal(await state('q/two'), 'compensated')
  assert.deepEqual((await lines()).slice(-3), ['restock q/one', 'cancel q/one', 'not mine'])
  assert.deepEqual(
    (await book()).filter((one) => one.includes('q')),
    ['pay q/one 1', 'refund q/one'],
  )
})

test('a saga that has not ended before its deadline is undone', async (t) => {
  const hasty = saga('hasty', {
    database: shopDatabase,
    input: z.unknown(),
    signals: { never: z.unknown() },
    deadline: 50,
    run: async (s) => {
      await s.step('mine', { transaction: (tx) => line(tx, 'mine'), undo: (tx) => line(tx, 'not mine') })
      await s.signal('never')
    },
  })
  const { begin, state, lines, instance } = await rigOf(t).run([hasty])
  await begin(hasty, 'a')
  await until(async () => (await state('a')) === 'compensated')
  assert.deepEqual(await lines(), ['mine', 'not mine'])
  assert.match(String((await instance('a'))['failure']), /SAGA_DEADLINE/)
})

for (const [what, run, reason] of [
  [
    'a step name twice',
    async (s) => {
      await s.sleep('x', 0)
      await s.sleep('x', 0)
    },
    /asked for twice/,
  ],
  ['a result that cannot be kept', (s) => s.step('x', { do: () => () => 1 }), /Cannot keep the result of Step "x"[^]*function/],
  [
    'a result that is too long',
    (s) => s.step('x', { do: () => 'x'.repeat(1024 * 1024) }),
    /1048578 bytes, and it may have 1048576/,
  ],
  [
    'two steps at once',
    (s) => Promise.all([s.step('x', { do: () => 1 }), s.step('y', { do: () => 2 })]),
    /while Step "x" was under way/,
  ],
  ['code that throws', () => Promise.reject(new TypeError('x is undefined')), /Its code threw TypeError: x is undefined/],
  ['a sleep that is no number', (s) => s.sleep('x', Number.NaN), /is NaN/],
  ['an event that is not listed', (s) => s.waitFor(Paid), /does not list it/],
] as [string, (s: Parameters<Parameters<typeof saga>[1]['run']>[0]) => Promise<unknown>, RegExp][])
  test(`${what} pauses the saga, and says why`, async (t) => {
    const wrong = saga('wrong', { input: z.unknown(), run })
    const { begin, state, instance } = await rigOf(t).run([wrong])
    await begin(wrong, 'a')
    await until(async () => (await state('a')) === 'paused')
    assert.match(String((await instance('a'))['reason']), reason)
  })
