import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../../../', import.meta.url))

const SUITE = `
import { fake, testSystem } from '@dure/testing'
import { contract, query } from 'dure/contract'
import { service } from 'dure/service'
import { expect, test } from 'vitest'
import { z } from 'zod'

const priced = { input: z.string(), output: z.int() }
const Prices = contract('prices', { version: '1.0.0', owner: 'tests', operations: { of: query(priced) } })
const Shop = contract('shop', { version: '1.0.0', owner: 'tests', operations: { price: query(priced) } })
const shop = service(Shop, { needs: { prices: Prices }, handlers: { price: (sku, { prices }) => prices.of(sku) } })

for (const time of ['real', 'virtual'] as const)
  test('a fake answers in ' + time + ' time', async () => {
    await using system = await testSystem(shop, { fakes: [fake(Prices, { of: (sku) => sku.length })], time })
    expect(await system.client(Shop).price('tea')).toBe(3)
    await system.settled()
  })
test('a fake that breaks its contract fails the test', async () => {
  await using system = await testSystem(shop, { fakes: [fake(Prices, { of: () => 'free' as never })] })
  await expect(system.client(Shop).price('tea')).rejects.toThrow()
})
`
/** Sources run as they are here, so it is told which of a package's entries to take. */
const CONFIG = `
const conditions = ['dure-source']
export default {
  test: { execArgv: ['--conditions=dure-source'], include: ['*.test.ts'] },
  ssr: { resolve: { conditions, externalConditions: conditions } },
}
`

test('the same tests run in vitest, and fail there where they should', { timeout: 300_000 }, async (t) => {
  // Inside the tree, where packages are found by name, in a folder that version control passes over.
  const data = join(import.meta.dirname, '.data')
  mkdirSync(data, { recursive: true })
  const folder = mkdtempSync(join(data, 'vitest-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'shop.test.ts'), SUITE)
  writeFileSync(join(folder, 'vitest.config.mjs'), CONFIG)
  const report = join(folder, 'report.json')
  const args = [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--root',
    folder,
    '--reporter',
    'json',
    '--outputFile',
    report,
  ]
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined, CI: '1' }
  const said = await new Promise<string>((resolve) => {
    execFile(process.execPath, args, { cwd: folder, env }, (_error, stdout, stderr) => resolve(stdout || stderr))
  })
  assert.ok(existsSync(report), said)
  const { numPassedTests, testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    numPassedTests: number
    testResults: { assertionResults: { status: string; failureMessages: string[] }[] }[]
  }
  const failures = testResults.flatMap((one) => one.assertionResults).filter(({ status }) => status !== 'passed')
  assert.equal(numPassedTests, 2, said)
  assert.match(
    failures.map(({ failureMessages }) => failureMessages.join()).join('\n'),
    /The fake of "prices" broke its contract/,
  )
})
