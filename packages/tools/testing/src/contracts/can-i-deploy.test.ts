import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { contract, event, query } from 'dure/contract'
import { database, type Migrations } from 'dure/data'
import { service, type Service } from 'dure/service'
import { z } from 'zod'
import {
  canIDeploy,
  consumerTest,
  describeJudgement,
  interaction,
  keepDeployment,
  keepPacts,
  keepRelease,
  keepVerification,
  readFacts,
  verifyContracts,
  type Judgement,
} from './contracts.ts'

const Price = z.object({ cents: z.int() })
const Changed = event('changed', { schema: z.object({ sku: z.string(), cents: z.int() }), key: ({ sku }) => sku })
const ChangedAnew = event('changed', { schema: z.object({ sku: z.string(), cents: z.string() }), key: ({ sku }) => sku })

type Of = {
  readonly version: string
  readonly migrations?: Migrations
  readonly answer?: object
  readonly anew?: boolean
}

function prices({
  version,
  migrations = { '001': 'CREATE TABLE a (id TEXT)' },
  answer = { cents: 5 },
  anew = false,
}: Of): Service {
  const output = anew ? z.object({ amount: z.int() }) : Price
  const of = query({ input: z.object({ sku: z.string() }), output: output as typeof Price, http: 'GET /prices/{sku}' })
  const Prices = contract('prices', { version, owner: 'team-prices', operations: { of }, events: [anew ? ChangedAnew : Changed] })
  return service(Prices, { database: database({ migrations }), handlers: { of: () => answer as never } }) as Service
}

const before = prices({ version: '1.0.0' })
const Shop = contract('shop', { version: '2.1.0', owner: 'team-shop', operations: { price: query({ output: z.int() }) } })
type Asking = { readonly prices: { readonly of: (input: object) => Promise<{ readonly cents: number }> } }
const shop = service(Shop, {
  needs: { prices: before.contract as ReturnType<typeof contract> } as never,
  database: database({ migrations: {} }),
  handlers: { price: async (_, context) => (await (context as unknown as Asking).prices.of({ sku: 'tea' })).cents },
  subscriptions: ({ on }) => [on(Changed, () => {})],
}) as Service

/** What is kept of a shop in production beside prices 1.0.0, and its pact. */
async function kept(context: TestContext): Promise<{ readonly folder: string; readonly pacts: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'dure-facts-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const pacts = join(folder, 'of-the-shop')
  const of = interaction(before.contract, 'of' as never, { input: { sku: 'tea' }, output: { cents: 5 } } as never)
  await using system = await consumerTest(shop, {
    provider: before.contract,
    interactions: [of],
    pacts,
    name: 'The shop tells a price',
  })
  await system.system.client(Shop).price()
  await system.stop()
  keepRelease(folder, before)
  keepRelease(folder, shop, { pacts })
  keepDeployment(folder, { service: 'prices', version: '1.0.0', to: 'production' })
  keepDeployment(folder, { service: 'shop', version: '2.1.0', to: 'production' })
  return { folder, pacts }
}

const ask = (folder: string, version: string, service = 'prices'): Judgement =>
  canIDeploy(readFacts(folder), { service, version, to: 'production' })

test('yes: the pact was verified, events are read, migrations add', async (context) => {
  const { folder, pacts } = await kept(context)
  const after = prices({ version: '1.1.0', migrations: { '001': 'CREATE TABLE a (id TEXT)', '002': 'ALTER TABLE a ADD b TEXT' } })
  keepRelease(folder, after)
  assert.equal(
    describeJudgement(ask(folder, '1.1.0')).replace(folder, 'FACTS'),
    [
      'Unknown: whether prices@1.1.0 can go to production cannot be said, so it may not.',
      '  unknown shop@2.1.0: prices@1.1.0 was not verified with the pact of shop@2.1.0 ("FACTS/pacts/shop@2.1.0/the-shop-tells-a-price.json")',
    ].join('\n'),
  )
  keepVerification(folder, await verifyContracts(after, { pacts }))
  assert.equal(describeJudgement(ask(folder, '1.1.0')), 'Yes: prices@1.1.0 can go to production.')
  assert.equal(
    describeJudgement(ask(folder, '1.1.0'), { because: true }),
    [
      'Yes: prices@1.1.0 can go to production.',
      '  fine shop@2.1.0: prices@1.1.0 was verified with the pact of shop@2.1.0',
      '  fine shop@2.1.0: it reads "changed" as prices@1.1.0 announces it',
      '  fine prices@1.0.0: the migrations of 1.1.0 only add to its own',
    ].join('\n'),
  )
})

test('no: whom it breaks, in which field, since which test; and the store that it takes from', async (context) => {
  const { folder, pacts } = await kept(context)
  const after = prices({
    version: '1.2.0',
    anew: true,
    answer: { amount: 5 },
    migrations: { '001': 'CREATE TABLE b (id TEXT)', '002': 'DROP TABLE a' },
  })
  keepRelease(folder, after)
  keepVerification(
    folder,
    await verifyContracts(prices({ version: '1.2.0', anew: true, answer: { amount: 5 }, migrations: {} }), { pacts }),
  )
  assert.equal(
    describeJudgement(ask(folder, '1.2.0')),
    [
      'No: prices@1.2.0 cannot go to production.',
      '  breaks shop@2.1.0 [body $.cents]: shop@2.1.0 expects a number like 5 of "of", and prices@1.2.0 gives nothing: the field is missing (since the test "The shop tells a price")',
      '  breaks shop@2.1.0 [changed cents]: of "changed", as prices@1.2.0 announces it, "cents" is written as string, and read as integer',
      '  breaks prices@1.0.0 [migration 001]: its migration "001" is another one in 1.2.0: a store that has it cannot go on',
      '  breaks prices@1.0.0 [migration 002]: migration "002" takes away or changes what copies of 1.0.0 use while they run; do so in a version after this',
    ].join('\n'),
  )
})

test('what a migration takes away is judged as the store itself judges it, and as its author says', async (context) => {
  const { folder } = await kept(context)
  rmSync(join(folder, 'pacts'), { recursive: true })
  const first = { '001': 'CREATE TABLE a (id TEXT)' }
  const run = 'ALTER TABLE a RENAME TO b'
  const cases: readonly (readonly [answer: Judgement['answer'], step: Migrations[string]])[] = [
    ['no', run],
    ['no', 'ALTER TABLE a ALTER COLUMN id SET NOT NULL'],
    ['yes', { contracts: false, run }],
    ['no', { contracts: true, run: async () => {} }],
    ['yes', async () => {}],
    ['yes', '-- DROP TABLE a\nCREATE TABLE c (id TEXT)'],
  ]
  for (const [at, [answer, step]] of cases.entries()) {
    keepRelease(folder, prices({ version: `1.${at + 1}.0`, migrations: { ...first, '002': step } }))
    assert.equal(ask(folder, `1.${at + 1}.0`).answer, answer, String(at))
  }
  // Line ends of another machine make no other step, and a function is known by its name.
  keepRelease(folder, prices({ version: '2.0.0', migrations: { '001': 'CREATE TABLE a (id TEXT)\r\n' } }))
  assert.equal(ask(folder, '2.0.0').answer, 'yes')
})

test('without a pact what a consumer was built with is compared', async (context) => {
  const { folder } = await kept(context)
  rmSync(join(folder, 'pacts'), { recursive: true })
  keepRelease(folder, prices({ version: '1.1.0' }))
  assert.equal(ask(folder, '1.1.0').answer, 'yes')
  keepRelease(folder, prices({ version: '1.2.0', anew: true }))
  const [first] = ask(folder, '1.2.0').reasons
  assert.deepEqual([first?.answer, first?.about], ['no', 'shop@2.1.0'])
  assert.match(first?.where ?? '', /^prices\.of/)
  assert.match(first?.because ?? '', /^shop@2\.1\.0 was built with prices\.of.*, which in prices@1\.2\.0 /)
})

test('unknown: each fact that is missing is told, and none is taken for a yes', async (context) => {
  const { folder, pacts } = await kept(context)
  const told = (judgement: Judgement): readonly string[] =>
    judgement.reasons.map(({ answer, about, because }) => `${answer} ${about}: ${because}`)
  assert.deepEqual(told(ask(folder, '9.0.0')), [
    'unknown prices@9.0.0: what it promises and needs is not known: `keepRelease` keeps it',
  ])
  assert.deepEqual(told(canIDeploy(readFacts(folder), { service: 'prices', version: '1.0.0', to: 'moon' })), [
    'unknown moon: what runs in "moon" is not known: `keepDeployment` says it',
  ])
  keepDeployment(folder, { service: 'web', version: '7', to: 'production' })
  assert.ok(
    told(ask(folder, '1.0.0')).includes('unknown web@7: what it uses of prices is not known: keep its release, or its pacts'),
  )
  keepPacts(folder, { consumer: 'shop', version: '3.0.0', pacts })
  keepDeployment(folder, { service: 'web', version: undefined, to: 'production' })
  // A consumer goes to where its provider is, and to where it is not.
  assert.equal(ask(folder, '2.1.0', 'shop').answer, 'unknown')
  keepVerification(folder, await verifyContracts(before, { pacts }))
  assert.equal(ask(folder, '2.1.0', 'shop').answer, 'yes')
  keepDeployment(folder, { service: 'prices', version: undefined, to: 'production' })
  assert.deepEqual(told(ask(folder, '2.1.0', 'shop'))[0], 'no prices: shop@2.1.0 calls it, and it does not run there')
})

test('facts that cannot be read are no facts', async (context) => {
  const { folder } = await kept(context)
  assert.throws(() => readFacts(join(folder, 'none')), /Cannot read the facts in ".*none": there is no such folder/)
  writeFileSync(join(folder, 'releases', 'x@1.json'), '{}')
  assert.throws(() => readFacts(folder), /Cannot read the release ".*x@1\.json"/)
  rmSync(join(folder, 'releases', 'x@1.json'))
  mkdirSync(join(folder, 'verified'))
  writeFileSync(join(folder, 'verified', 'x.json'), '{')
  assert.throws(() => readFacts(folder), /Cannot read the facts in ".*x\.json": it is no JSON/)
  assert.throws(() => keepPacts(folder, { consumer: 'web', version: '../1', pacts: folder }), /"\.\.\/1" is no name of a file/)
})
