import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { consumerTest, describeVerification, interaction, PactError, verifyContracts } from './contracts.ts'
import { messages, price, states } from './prices.test-support.ts'
import { PriceChanged, Prices, pricesWith, Shop, shop, Unknown } from './shop.test-support.ts'

const tea = interaction(Prices, 'of', {
  given: { name: 'a price', params: { sku: 'tea' } },
  input: { sku: 'tea' },
  output: price,
})
const gone = interaction(Prices, 'of', {
  given: 'no prices',
  input: { sku: 'gone' },
  error: Unknown({ sku: 'gone', near: ['tea'] }),
})

function folder(context: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'dure-pacts-'))
  context.after(() => rmSync(made, { recursive: true, force: true }))
  return made
}

/** What the shop uses: written into a folder. */
async function written(context: TestContext): Promise<string> {
  const pacts = folder(context)
  await using system = await consumerTest(shop, { provider: Prices, interactions: [tea, gone], pacts, name: 'The shop sells' })
  const client = system.system.client(Shop)
  assert.equal(await client.total(['tea']), 450)
  assert.equal(await client.tell('gone'), 'unknown, perhaps tea')
  await system.publish(PriceChanged, { sku: 'tea', cents: 260, by: 'ana' }, { given: 'no prices' })
  assert.deepEqual(await client.known(), [{ sku: 'tea', cents: 260 }])
  await system.stop()
  assert.deepEqual(readdirSync(pacts), ['the-shop-sells.json'])
  return pacts
}

test('what a consumer has used is its pact: operations, fields that were read, errors, events', async () => {
  await using system = await consumerTest(shop, { provider: Prices, interactions: [tea, gone], name: 'sells' })
  await system.system.client(Shop).total(['tea'])
  await system.system.client(Shop).tell('gone')
  await system.publish(PriceChanged, { sku: 'tea', cents: 260, by: 'ana' })
  const { consumer, provider, interactions } = JSON.parse(system.pact())
  assert.deepEqual([consumer, provider], [{ name: 'shop' }, { name: 'prices' }])
  const [event, fails, of] = interactions
  assert.equal(interactions.length, 3)
  assert.deepEqual(of.request, { method: 'GET', path: '/prices/tea' })
  assert.deepEqual(of.providerStates, [{ name: 'a price', params: { sku: 'tea' } }])
  assert.equal(of.comments.testname, 'sells')
  // Neither the currency nor the note was read.
  assert.deepEqual(of.response.body.content, { cents: 250, steps: [{ cents: 200 }] })
  assert.deepEqual(
    Object.entries(of.response.matchingRules.body as Record<string, { matchers: unknown[] }>).map(([path, { matchers }]) => [
      path,
      matchers[0],
    ]),
    [
      ['$.cents', { match: 'integer' }],
      ['$.steps', { match: 'type', min: 1 }],
      ['$.steps[*].cents', { match: 'integer' }],
    ],
  )
  assert.deepEqual(
    [fails.response.status, fails.response.body.content],
    [404, { code: 'UNKNOWN_PRODUCT', data: { near: ['tea'] } }],
  )
  assert.deepEqual([event.metadata.type, event.contents.content], ['price.changed', { sku: 'tea', cents: 260 }])
})

test('a provider is verified in process, through its door and at a URL', async (context) => {
  const pacts = await written(context)
  for (const through of ['process', 'door'] as const) {
    const report = await verifyContracts(pricesWith(), { pacts, states, messages, through })
    assert.equal(describeVerification(report), 'prices 1.0.0 does what 3 interactions of shop expect.')
    assert.equal(report.ok, true)
  }
  await using other = await consumerTest('web', { provider: Prices, interactions: [tea, gone] })
  const known = { 'a price': () => {}, 'no prices': () => {} }
  const report = await verifyContracts({ url: other.url!, name: 'prices' }, { pacts, states: known })
  // Whoever is elsewhere announces nothing to a test.
  assert.deepEqual(
    report.interactions.map(({ failures }) => failures.map(({ got }) => got)),
    [['a URL, which announces nothing to a test'], [], []],
  )
})

test('a provider that breaks a consumer is told whom, in which interaction, which field, what was expected and came', async (context) => {
  const pacts = await written(context)
  const none = pricesWith((found) => ({ ...found, steps: [] }))
  const report = await verifyContracts(none, { pacts, states, messages: {}, version: '1.1.0' })
  assert.equal(report.ok, false)
  assert.equal(
    describeVerification(report),
    [
      'prices 1.1.0 does not do what 2 of 3 interactions expect.',
      'shop: "event price.changed" (test "The shop sells")',
      '  message "event price.changed": expected a function "price.changed" in "messages", got none',
      'shop: "of, given a price" (test "The shop sells")',
      '  body $.steps: expected 1 or more elements, got 0: []',
    ].join('\n'),
  )
})

test('a state nobody knows, one that fails, a pact of nobody', async (context) => {
  const pacts = await written(context)
  const failing = { 'a price': () => Promise.reject(new Error('the disk is full')) }
  const { interactions } = await verifyContracts(pricesWith(), { pacts, states: failing, messages })
  assert.deepEqual(
    interactions.flatMap(({ failures }) => failures),
    [
      { where: 'state "no prices"', expected: 'a function of that name in "states"', got: '"a price"' },
      { where: 'state "no prices"', expected: 'a function of that name in "states"', got: '"a price"' },
      { where: 'state "a price"', expected: 'that it can be brought about', got: 'the disk is full' },
    ],
  )
  await assert.rejects(verifyContracts(shop as never, { pacts }), /Cannot verify "shop": there is no pact of this provider in "/)
  await assert.rejects(verifyContracts(pricesWith(), { pacts: join(pacts, 'no.json') }), PactError)
  writeFileSync(join(pacts, 'bad.json'), '{"metadata":{"pactSpecification":{"version":"2.0.0"}}}')
  await assert.rejects(verifyContracts(pricesWith(), { pacts }), /bad\.json": it is of version 2\.0\.0/)
})

test('a stub that could not be true of the contract is refused before anything starts', async () => {
  const wrong = interaction(Prices, 'of', { input: { sku: 'tea' }, output: { ...price, cents: -1 } as never })
  await assert.rejects(
    consumerTest(shop, { provider: Prices, interactions: [wrong] }),
    /Cannot stub "prices\.of" \(of\): its output does not match the contract at "cents"/,
  )
  const asked = interaction(Prices, 'of', { input: { sku: 5 } as never })
  await assert.rejects(
    consumerTest(shop, { provider: Prices, interactions: [asked] }),
    /its input does not match the contract at "sku"/,
  )
  assert.throws(
    () => interaction(Prices, 'of', { error: new Error('no') as never }),
    /its "error" is none that it declares; it declares "UNKNOWN_PRODUCT"/,
  )
  assert.throws(() => interaction(Prices, 'none' as never, {} as never), /has no such operation/)
  // @ts-expect-error it answers with cents
  interaction(Prices, 'of', { output: { cents: 'many' } })
  // @ts-expect-error there is no such field to ask with
  interaction(Prices, 'of', { input: { product: 'tea' } })
})

test('values nobody gave are made from the schema, the same each time', async () => {
  const pacts = await Promise.all(
    [1, 2].map(async () => {
      await using system = await consumerTest('web', { provider: Prices, interactions: [interaction(Prices, 'of', {})] })
      assert.equal(typeof (await system.provider.of({ sku: 'any' })).cents, 'number')
      return system.pact()
    }),
  )
  assert.equal(pacts[0], pacts[1])
})

test('whoever calls over HTTP may have read all; connections are cut, answers hang and are late', async () => {
  const interactions = [
    tea,
    interaction(Prices, 'of', { input: { sku: 'cut' }, fault: 'cut' }),
    interaction(Prices, 'of', { input: { sku: 'hang' }, fault: 'hang' }),
    interaction(Prices, 'set', { input: { sku: 'late', cents: 1 }, delay: 5 }),
  ]
  await using system = await consumerTest('web', { provider: Prices, interactions })
  const answer = await fetch(`${system.url}/prices/tea`)
  assert.equal(answer.status, 200)
  await assert.rejects(fetch(`${system.url}/prices/cut`), TypeError)
  await assert.rejects(system.provider.of({ sku: 'cut' }), { code: 'UNAVAILABLE' })
  await assert.rejects(system.provider.of({ sku: 'hang' }, { timeout: 50 } as never), { code: 'DEADLINE_EXCEEDED' })
  await system.provider.set({ sku: 'late', cents: 1 })
  const { interactions: used } = JSON.parse(system.pact())
  assert.deepEqual(
    used.map(({ description }: { description: string }) => description),
    ['of, given a price', 'set'],
  )
  assert.deepEqual(Object.keys(used[0].response.body.content), ['sku', 'cents', 'currency', 'since', 'steps'])
  assert.deepEqual(used[1].request.body.content, { cents: 1 })
})

test('what a provider has no interaction for fails the test, and an operation without a route has no pact', async () => {
  const system = await consumerTest('web', {
    provider: Prices,
    interactions: [tea, interaction(Prices, 'inside', { output: 1 })],
  })
  await assert.rejects(system.provider.of({ sku: 'cup' }), { code: 'UNIMPLEMENTED' })
  await system.provider.inside()
  assert.throws(() => system.pact(), /Cannot write a pact of "prices\.inside": it has no route of HTTP/)
  await assert.rejects(system.stop(), /The provider was asked "of" with \{"sku":"cup"\}, for which it has no interaction/)
})

test('a file of 100 MB is refused before it is read', async (context) => {
  const pacts = folder(context)
  const file = join(pacts, 'large.json')
  writeFileSync(file, '')
  truncateSync(file, 100 * 1024 * 1024)
  await assert.rejects(
    verifyContracts(pricesWith(), { pacts }),
    /large\.json": it has 100 MiB, and 16 are read at most; split it by provider/,
  )
})
