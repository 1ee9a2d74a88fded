/**
 * How long a provider takes to be verified by a pact of 100 interactions, beside pact-js and Pact JVM, which ask the same provider over HTTP; each as a whole process,
 * as a pipeline waits for it. And how long a component takes to start for a test.
 */
import { rest } from '@dure/rest'
import { fake, testSystem } from '@dure/testing'
import { consumerTest, interaction, verifyContracts } from '@dure/testing/contracts'
import { contract, query } from 'dure/contract'
import { database } from 'dure/data'
import { service, type Service } from 'dure/service'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'
import { z } from 'zod'
import type { BenchContext, BenchResult } from '../bench.ts'
import { median } from '../eventstore/rates.ts'

export const peers = false
const INTERACTIONS = 100
const ROUNDS = 5

const Price = z.object({ sku: z.string(), cents: z.int(), currency: z.enum(['EUR', 'KRW']), since: z.date() })
const Prices = contract('prices', {
  version: '1.0.0',
  owner: 'bench',
  operations: { of: query({ input: z.object({ sku: z.string() }), output: Price, http: 'GET /prices/{sku}' }) },
})
const priceOf = (sku: string): z.infer<typeof Price> => ({ sku, cents: 250, currency: 'EUR', since: new Date(0) })
const prices = service(Prices, { handlers: { of: ({ sku }) => priceOf(sku) } })

const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'bench',
  operations: { total: query({ input: z.string(), output: z.int() }) },
})
const shop = service(Shop, {
  needs: { prices: Prices },
  database: database({ migrations: { '001': 'CREATE TABLE sales (id TEXT PRIMARY KEY)' } }),
  handlers: { total: async (sku, { prices }) => (await prices.of({ sku })).cents },
})

export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  const pact = await others()
  const folder = mkdtempSync(join(tmpdir(), 'dure-bench-contracts-'))
  try {
    progress('Component tests begin and end')
    const starts = await times(async () => {
      await using system = await testSystem(shop, { fakes: [fake(Prices, { of: ({ sku }) => priceOf(sku) })] })
      await system.client(Shop).total('tea')
    })
    const file = join(folder, 'pacts', 'shop-prices.json')
    mkdirSync(join(folder, 'pacts'))
    writeFileSync(file, await pactOfMany())
    await using provider = await testSystem(prices as Service, { doors: [rest({ port: 0, pages: false, announce: false })] })
    const url = provider.urls[0]!
    const inProcess = await times(async () => well((await verifyContracts(prices, { pacts: file })).ok))
    const node = (program: string, ...words: readonly string[]) =>
      run(folder, process.execPath, [...process.execArgv, program, ...words])
    const jvm = ['-cp', [join(pact.jvm, 'classes'), join(pact.jvm, 'lib', '*')].join(delimiter), 'Pacts', 'verify', url]
    const all: Record<'ours' | 'js' | 'jvm', number[]> = { ours: [], js: [], jvm: [] }
    for (let round = 1; round <= ROUNDS; round++) {
      progress(`Round ${round} of ${ROUNDS}`)
      all.ours.push(await timed(() => node(join(import.meta.dirname, 'verify.ts'), url, file)))
      all.js.push(await timed(() => node(join(pact.js, 'pact.js'), 'http', url, file)))
      all.jvm.push(await timed(() => run(folder, 'java', ['-XX:TieredStopAtLevel=1', ...jvm])))
    }
    const [ours, js, java] = [median(all.ours), median(all.js), median(all.jvm)]
    return {
      ratios: { verify_vs_pact_js: js / ours, verify_vs_pact_jvm: java / ours },
      figures: {
        ...{ component_start_ms: median(starts), interactions: INTERACTIONS, verify_in_process_ms: median(inProcess) },
        ...{ verify_ms: ours, pact_js_ms: js, pact_jvm_ms: java },
        ...{ verify_ms_runs: all.ours, pact_js_ms_runs: all.js, pact_jvm_ms_runs: all.jvm, component_start_ms_runs: starts },
      },
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Where pact-js and Pact JVM are, which the checks install as well. */
async function others(): Promise<{ readonly js: string; readonly jvm: string }> {
  const program = join(import.meta.dirname, '../../checks/judges/pact-folders.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, program])
  return JSON.parse(stdout) as { js: string; jvm: string }
}

/** The pact of a consumer that asks for 100 prices and reads all of each. */
async function pactOfMany(): Promise<string> {
  const skus = Array.from({ length: INTERACTIONS }, (_, n) => `sku-${n}`)
  const interactions = skus.map((sku) =>
    interaction(Prices, 'of', { description: `the price of ${sku}`, input: { sku }, output: priceOf(sku) }),
  )
  await using test = await consumerTest('bench', { provider: Prices, interactions })
  for (const sku of skus) JSON.stringify(await test.provider.of({ sku }))
  return test.pact()
}

function well(ok: boolean): void {
  if (!ok) throw new Error('Cannot measure: the provider does not do what its pact expects')
}

async function times(work: () => Promise<void>): Promise<readonly number[]> {
  const all: number[] = []
  for (let round = 0; round < ROUNDS; round++) all.push(await timed(work))
  return all
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** The provider answers from this process, so it must not be held up. */
async function run(cwd: string, program: string, words: readonly string[]): Promise<void> {
  const child = spawn(program, words, {
    cwd,
    env: { ...process.env, PACT_DO_NOT_TRACK: 'true' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (text) => (said += String(text).slice(0, 2_000)))
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  if (code !== 0) throw new Error(`Cannot measure ${program}: it ended with ${code}: ${said.slice(-500)}`)
}
