import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ANA, described, KIM, managing, person, report, subscribed, type Managed } from './apis.test-support.ts'
import { BOUNDS } from './values.ts'

async function call(system: Managed, subscription: string, line = '1'): Promise<void> {
  const buckets = [1, ...BOUNDS.map(() => 0)]
  const minute = Date.now() - (Date.now() % 60_000)
  const count = { minute, subscription, line, operation: 'count', status: 200, calls: 1, bytesIn: 0, bytesOut: 2, buckets }
  await system.gateway.settle(report(`g${line}`, 1, { counts: [count] }))
}

test('who has called a product says how it was, once; its owner reads and answers, and nobody else', async (t) => {
  const system = await managing(t)
  const { ana, application, subscription } = await subscribed(system)
  const [kim, of] = [system.as(KIM), { application, product: 'orders' }]
  const early = { code: 'FAILED_PRECONDITION', message: /has not called "orders" in the last 30 days/ }
  await assert.rejects(ana.rate({ ...of, stars: 5 }), early)
  await assert.rejects(ana.reportProblem({ ...of, text: 'It is slow' }), early)
  await call(system, subscription)
  await ana.rate({ ...of, stars: 2, text: 'Slow' })
  await ana.rate({ ...of, stars: 4 })
  const { key } = await ana.issueKey({ subscription })
  const explained = { status: 500, headers: { 'x-api-key': key, accept: '*/*' }, note: `with ${key}` }
  const trace = 'a'.repeat(32)
  const { id } = await ana.reportProblem({ ...of, text: `It answers 500\nto ${key}`, trace, explained })
  for (const other of [person('bo'), person('eve', 'team-other'), ANA].map((principal) => system.as(principal))) {
    await assert.rejects(other.productFeedback({ product: 'orders' }), { code: 'NOT_FOUND' })
    await assert.rejects(other.answer({ feedback: id, text: 'Ha' }), { code: 'NOT_FOUND' })
  }
  await assert.rejects(system.as(person('bo')).feedback({ application }), { code: 'NOT_FOUND' })
  await kim.answer({ feedback: id, text: 'It is mended' })
  const said = await ana.feedback({ application })
  assert.deepEqual(await kim.productFeedback({ product: 'orders' }), said)
  assert.ok(!JSON.stringify(said).includes(key), 'a key is kept nowhere')
  const problem = said.find((each) => each.kind === 'problem')!
  assert.deepEqual([problem.name, problem.trace, problem.answer?.text], ['Shelf', trace, 'It is mended'])
  const headers = { 'x-api-key': '[redacted]', accept: '*/*' }
  assert.deepEqual(problem.explained, { status: 500, headers, note: 'with [redacted]' })
  const ratings = said.filter((each) => each.kind === 'rating')
  assert.deepEqual(
    ratings.map(({ stars, text }) => [stars, text]),
    [[4, undefined]],
  )
  await assert.rejects(ana.reportProblem({ ...of, text: 'x', explained: 'x'.repeat(20_000) }), /more than 16384 bytes/)
  for (let i = 0; i < 20; i++) await ana.reportProblem({ ...of, text: 'Again' })
  await assert.rejects(ana.reportProblem({ ...of, text: 'Again' }), { code: 'RESOURCE_EXHAUSTED' })
})

test('whoever still calls a line that is deprecated is told, and nobody else', async (t) => {
  const system = await managing(t)
  const { ana, application, subscription } = await subscribed(system)
  const kim = system.as(KIM)
  await kim.publish({ contract: described('2.0.0') })
  const sunset = Date.now() + 86_400_000
  await kim.deprecate({ product: 'orders', line: '1', sunset })
  await call(system, subscription, '2')
  assert.deepEqual(await ana.notices({ application }), [])
  await call(system, subscription)
  const [notice, ...more] = await ana.notices({ application })
  assert.deepEqual([notice!.product, notice!.line, notice!.sunset, notice!.calls, more], ['orders', '1', sunset, 1, []])
  await assert.rejects(kim.notices({ application }), { code: 'NOT_FOUND' })
})
