/** What the web pages use of stock, as a pact; stock verified by it; and whether versions of stock may go where all of the marketplace runs. */
import { fake } from '@dure/testing'
import {
  canIDeploy,
  consumerTest,
  describeJudgement,
  describeVerification,
  interaction,
  keepDeployment,
  keepRelease,
  keepVerification,
  readFacts,
  verifyContracts,
  type Given,
  type VerifyOptions,
} from '@dure/testing/contracts'
import type { AnyContract } from 'dure/contract'
import { query } from 'dure/contract'
import type { Service } from 'dure/service'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Product } from './services/product/contract.ts'
import { Seller } from './services/seller/contract.ts'
import { Stock, StockItemNotFound } from './services/stock/contract.ts'
import { stock } from './services/stock/service.ts'
import { putItem } from './services/stock/store/items.ts'
import type { StockTables } from './services/stock/store/tables.ts'
import { Web } from './services/web/contract.ts'
import { web } from './services/web/service.ts'
import { marketplace } from './system.ts'

const KEY = { sellerId: 1, productId: 7 }
const GONE = { sellerId: 1, productId: 8 }
const inStock: Given = { name: 'a product is in stock', params: { ...KEY, qtyAvailable: 10 } }

const product = {
  ...KEY,
  name: 'Tea',
  sku: 't',
  category: '',
  description: '',
  price: 5,
  freightValue: 1,
  status: 'approved',
  version: '1',
}
const seller = {
  sellerId: 1,
  name: 'Ana',
  companyName: '',
  email: '',
  phone: '',
  street: '',
  complement: '',
  city: 'Seoul',
  state: '',
  zipCode: '',
}
const fakes = [fake(Product, { get: (key) => ({ ...product, ...key }) as never }), fake(Seller, { get: () => seller as never })]

function temporary(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dure-marketplace-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The page of a product, and what it asks of stock. */
async function pactOfWeb(pacts: string): Promise<void> {
  const there = {
    ...KEY,
    qtyAvailable: 10,
    qtyReserved: 3,
    qtyInitial: 10,
    orderCount: 0,
    ytd: 0,
    data: '',
    version: '1',
    active: true,
  }
  const interactions = [
    interaction(Stock, 'get', { given: inStock, input: KEY, output: there }),
    interaction(Stock, 'get', { given: 'nothing is in stock', input: GONE, error: StockItemNotFound(GONE) }),
  ]
  await using page = await consumerTest(web, {
    provider: Stock,
    interactions,
    fakes,
    pacts,
    name: 'A page says how many there are',
  })
  const shown = async (key: typeof KEY): Promise<unknown> => (await page.system.client(Web).product(key)).available
  assert.deepEqual([await shown(KEY), await shown(GONE)], [7, 0])
}

const states: NonNullable<VerifyOptions<StockTables>['states']> = {
  'a product is in stock': async ({ database }, params) => {
    await database.transaction((tx) =>
      putItem(tx, { ...(params as typeof KEY & { qtyAvailable: number }), data: '', version: '1' }),
    )
  },
  'nothing is in stock': async ({ database }) => {
    await database.transaction(async (tx) => void (await tx.deleteFrom('stock_items').execute()))
  },
}

/** Stock as another version, whose answers may be without a field. */
function stockAt(version: string, without?: 'qtyReserved'): Service {
  const { get } = Stock.operations
  const output = without === undefined ? get.output : get.output.omit({ [without]: true })
  const less = query({ input: get.input, output, errors: get.errors, http: 'GET /stock/{sellerId}/{productId}' })
  return { ...stock, contract: { ...Stock, version, operations: { ...Stock.operations, get: less } } as AnyContract } as Service
}

test('stock is verified by what the web pages have read of it: yes, no and unknown where the marketplace runs', async (context) => {
  const facts = temporary(context)
  const pacts = join(facts, 'pacts-of-tests')
  await pactOfWeb(pacts)
  const running = marketplace({ provider: {} as never, frontends: [web] }).services
  for (const one of running) {
    const { name, version } = one.contract
    keepRelease(facts, one, { pacts })
    keepDeployment(facts, { service: name, version, to: 'production' })
  }
  const ask = (version: string): ReturnType<typeof canIDeploy> =>
    canIDeploy(readFacts(facts), { service: 'stock', version, to: 'production' })

  // Its pact is not verified yet.
  keepRelease(facts, stockAt('1.1.0'))
  assert.equal(ask('1.1.0').answer, 'unknown')
  const well = await verifyContracts(stockAt('1.1.0'), { pacts, states })
  assert.equal(describeVerification(well), 'stock 1.1.0 does what 2 interactions of web expect.')
  keepVerification(facts, well)
  assert.equal(describeJudgement(ask('1.1.0')), 'Yes: stock@1.1.0 can go to production.')
  context.diagnostic(describeJudgement(ask('1.1.0'), { because: true }))

  const broken = stockAt('1.2.0', 'qtyReserved')
  keepRelease(facts, broken)
  keepVerification(facts, await verifyContracts(broken, { pacts, states }))
  const no = ask('1.2.0')
  assert.deepEqual(
    no.reasons.find(({ about }) => about === 'web@1.0.0'),
    {
      answer: 'no',
      about: 'web@1.0.0',
      where: 'body $.qtyReserved',
      because:
        'web@1.0.0 expects a number like 3 of "get, given a product is in stock", and stock@1.2.0 gives nothing: the field is missing',
      since: 'A page says how many there are',
    },
  )
  context.diagnostic(describeJudgement(no))

  // Nobody knows what another page uses of it.
  keepDeployment(facts, { service: 'partner', version: '3', to: 'production' })
  assert.equal(ask('1.1.0').answer, 'unknown')
  context.diagnostic(describeJudgement(ask('1.1.0')))
})
