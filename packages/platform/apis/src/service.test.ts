import assert from 'node:assert/strict'
import { test } from 'node:test'
import { query } from 'dure/contract'
import { z } from 'zod'
import { ANA, described, FREE, KIM, managing, person, QUOTA, report, subscribed } from './apis.test-support.ts'

const code = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error: { readonly code: string }) => error.code,
  )

test('a contract is published by its owner; within a line nothing breaks, and a new line stands beside', async (t) => {
  const system = await managing(t)
  const kim = system.as(KIM)
  const find = query({ output: z.string() })
  await kim.publish({ contract: described('1.0.0', { find }), plans: [FREE] })
  assert.equal(await code(system.as(ANA).publish({ contract: described('1.0.1') })), 'PERMISSION_DENIED')
  const { changes } = await kim.publish({ contract: described('1.1.0', { find, more: find }) })
  assert.deepEqual(changes, ['compatible: orders.more is new'])
  const gone = kim.publish({ contract: described('1.2.0') })
  await assert.rejects(gone, { code: 'FAILED_PRECONDITION', message: /give it version 2\.0\.0, or keep the promise/ })
  assert.equal((await kim.publish({ contract: described('2.0.0') })).line, '2')
  await kim.deprecate({ product: 'orders', line: '1', sunset: Date.now() + 86_400_000 })
  const [product] = await system.as(ANA).products()
  assert.deepEqual(
    product!.versions.map(({ line, version, deprecated }) => [line, version, deprecated !== undefined]),
    [
      ['1', '1.1.0', true],
      ['2', '2.0.0', false],
    ],
  )
  assert.deepEqual(product!.plans, [FREE])
})

test('anybody reads the contract of a line as it was published; without a line that of the newest', async (t) => {
  const system = await managing(t)
  const kim = system.as(KIM)
  const ana = system.as(ANA)
  // An old line is mended after a newer one came: it is no newer for that.
  for (const version of ['9.0.0', '10.0.0', '9.0.1']) await kim.publish({ contract: described(version) })
  const newest = await ana.described({ product: 'orders' })
  assert.deepEqual([newest.line, newest.version, newest.contract], ['10', '10.0.0', described('10.0.0')])
  const nine = await ana.described({ product: 'orders', line: '9' })
  assert.deepEqual([nine.version, nine.contract], ['9.0.1', described('9.0.1')])
  await assert.rejects(ana.described({ product: 'orders', line: '8' }), {
    code: 'NOT_FOUND',
    message: /line "8" of a product "orders"/,
  })
  assert.equal(await code(ana.described({ product: 'none' })), 'NOT_FOUND')
})

test('what is no contract, no plan or no time zone is refused with what to do', async (t) => {
  const system = await managing(t)
  const kim = system.as(KIM)
  const wrong = (contract: unknown) => code(kim.publish({ contract }))
  for (const contract of [undefined, 1, {}, { ...described('1.0.0'), version: 'one' }, { ...described('1.0.0'), name: '<b>' }])
    assert.equal(await wrong(contract), 'INVALID_ARGUMENT')
  const plan = { ...FREE, quota: { ...QUOTA, zone: 'Asia/Nowhere' } }
  await assert.rejects(kim.publish({ contract: described('1.0.0'), plans: [plan] }), /no time zone "Asia\/Nowhere"/)
  assert.deepEqual(await kim.products(), [])
  await kim.publish({ contract: described('1.0.0') })
  const operations = kim.setPlan({ product: 'orders', plan: { ...FREE, operations: ['drop'] } })
  await assert.rejects(operations, /no version of "orders" has an operation "drop"/)
})

test('nobody reaches what is somebody else’s, and it looks as if it did not exist', async (t) => {
  const system = await managing(t)
  const { ana, application, subscription } = await subscribed(system)
  const { id: key } = await ana.issueKey({ subscription })
  for (const other of [person('bo'), KIM, person('eve', 'team-other')].map((principal) => system.as(principal))) {
    const range = { from: 0, to: 1, by: 'day' } as const
    const works = [
      other.subscribe({ application, product: 'orders', plan: 'free' }),
      other.subscriptions({ application }),
      other.usage({ application, ...range }),
      other.issueKey({ subscription }),
      other.keys({ subscription }),
      other.revokeKey({ subscription, key }),
      other.unsubscribe({ subscription }),
    ]
    assert.deepEqual(new Set(await Promise.all(works.map(code))), new Set(['NOT_FOUND']))
    assert.deepEqual(await other.applications(), [])
  }
  const works = [
    ana.pending({ product: 'orders' }),
    ana.setPlan({ product: 'orders', plan: FREE }),
    ana.deprecate({ product: 'orders', line: '1' }),
    ana.callers({ product: 'orders' }),
    ana.productUsage({ product: 'orders', from: 0, to: 1, by: 'day' }),
    ana.decide({ subscription, approve: true }),
    // Of her own application, a key that is not this subscription's.
    ana.revokeKey({ subscription, key: 'dk_other' }),
  ]
  assert.deepEqual(new Set(await Promise.all(works.map(code))), new Set(['NOT_FOUND']))
  assert.equal(await code(ana.settle(report('a', 1))), 'PERMISSION_DENIED')
})

test('of two owners who decide at once one does, and the other is told', async (t) => {
  const system = await managing(t)
  const { ana, application, subscription, state } = await subscribed(system, [{ ...FREE, approval: 'by hand' }])
  assert.equal(state, 'pending')
  await assert.rejects(ana.issueKey({ subscription }), { code: 'FAILED_PRECONDITION', message: /is pending/ })
  const [waiting] = await system.as(KIM).pending({ product: 'orders' })
  assert.deepEqual([waiting!.id, waiting!.name], [subscription, 'Shelf'])
  const lee = system.as(person('lee', 'team-checkout'))
  const decided = await Promise.all([
    code(system.as(KIM).decide({ subscription, approve: true })),
    code(lee.decide({ subscription, approve: true })),
  ])
  assert.deepEqual(decided.toSorted(), ['FAILED_PRECONDITION', 'done'])
  assert.deepEqual(
    (await ana.subscriptions({ application })).map((each) => each.state),
    ['active'],
  )
  assert.equal(await code(ana.subscribe({ application, product: 'orders', plan: 'free' })), 'ALREADY_EXISTS')
})

test('two keys are alive at a time; none is kept as it is; one that is revoked is told to gateways, and dead', async (t) => {
  const system = await managing(t)
  const { ana, subscription } = await subscribed(system)
  const one = await ana.issueKey({ subscription })
  const two = await ana.issueKey({ subscription, expires: Date.now() + 60_000 })
  assert.match(one.key, /^dk_[\w-]{12}\.[\w-]{43}$/)
  assert.ok(one.key.startsWith(one.id) && one.key !== two.key)
  assert.equal(await code(ana.issueKey({ subscription })), 'RESOURCE_EXHAUSTED')
  const first = await system.gateway.settle(report('a', 1))
  assert.deepEqual(new Set(first.keys.map(({ id, alive }) => `${id} ${alive}`)), new Set([`${one.id} true`, `${two.id} true`]))
  assert.ok(!JSON.stringify([first, await ana.keys({ subscription })]).includes(one.key))
  await ana.revokeKey({ subscription, key: one.id })
  const next = await system.gateway.settle(report('a', 2, { after: first.through, keys: [{ id: two.id, at: 1_000 }] }))
  assert.deepEqual([next.anew, next.keys.map(({ id, alive }) => [id, alive]), next.plans], [false, [[one.id, false]], []])
  const states = new Map((await ana.keys({ subscription })).map(({ id, state, used }) => [id, [state, used]]))
  assert.deepEqual(
    [states.get(one.id), states.get(two.id)],
    [
      ['revoked', undefined],
      ['alive', 1_000],
    ],
  )
  assert.equal(await code(ana.issueKey({ subscription })), 'done')
  await ana.unsubscribe({ subscription })
  const last = await system.gateway.settle(report('a', 3, { after: next.through }))
  assert.ok(last.keys.every(({ alive }) => !alive) && last.subscriptions.every(({ active }) => !active))
})

test('dead keys are forgotten in the end, and a gateway that was away meanwhile begins anew', async (t) => {
  const system = await managing(t)
  const { ana, subscription } = await subscribed(system)
  const { through } = await system.gateway.settle(report('a', 1))
  for (let i = 0; i < 15; i++) {
    const { id: key } = await ana.issueKey({ subscription })
    await ana.revokeKey({ subscription, key })
  }
  assert.equal((await ana.keys({ subscription })).length, 11)
  const { anew, subscriptions, keys } = await system.gateway.settle(report('a', 2, { after: through }))
  assert.deepEqual([anew, subscriptions.length, keys.length], [true, 1, 11])
})
