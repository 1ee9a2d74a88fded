/**
 * `npm run peers -- pact`: a pact that our consumer test writes is verified by pact-js and by Pact JVM; theirs by us; and providers that break one are
 * refused, on both sides. Arguments: the folders where pact-js and Pact JVM are.
 */
import { rest } from '@dure/rest'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Service } from 'dure/service'
import { testSystem } from '../component/component.ts'
import { consumerTest, describeVerification, interaction, verifyContracts, type Verification } from './contracts.ts'
import { messages, price, states } from './prices.test-support.ts'
import { PriceChanged, Prices, pricesWith, Shop, shop, Unknown } from './shop.test-support.ts'

const [pactJs = '', pactJvm = ''] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'dure-pacts-'))
let well = true

function told(ok: boolean, what: string, wrong = ''): void {
  well &&= ok
  console.log(`${ok ? '✔' : '✖'} ${what}${ok ? '' : `: ${wrong}`}`)
}

type Ran = { readonly code: number; readonly output: string }

async function run(program: string, words: readonly string[], cwd: string): Promise<Ran> {
  const child = spawn(program, words, { cwd, env: { ...process.env, PACT_DO_NOT_TRACK: 'true', pact_do_not_track: 'true' } })
  const output = Promise.all([text(child.stdout), text(child.stderr)])
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? 1)))
  return { code, output: (await output).join('\n') }
}

const js = (...words: readonly string[]): Promise<Ran> => run(process.execPath, [join(pactJs, 'pact.js'), ...words], pactJs)
/** Run where its pacts are, in a folder "pacts". */
const jvm = (cwd: string, ...words: readonly string[]): Promise<Ran> =>
  run(
    'java',
    ['-XX:TieredStopAtLevel=1', '-cp', [join(pactJvm, 'classes'), join(pactJvm, 'lib', '*')].join(delimiter), 'Pacts', ...words],
    cwd,
  )

/** Two files: what is asked, and what is announced. */
async function ours(): Promise<{ readonly calls: string; readonly events: string }> {
  const interactions = [
    interaction(Prices, 'of', { given: { name: 'a price', params: { sku: 'tea' } }, input: { sku: 'tea' }, output: price }),
    interaction(Prices, 'of', { given: 'no prices', input: { sku: 'gone' }, error: Unknown({ sku: 'gone', near: ['tea'] }) }),
  ]
  await using calls = await consumerTest(shop, { provider: Prices, interactions, name: 'The shop asks' })
  await calls.system.client(Shop).total(['tea'])
  await calls.system.client(Shop).tell('gone')
  await using events = await consumerTest(shop, { provider: Prices, name: 'The shop hears' })
  await events.publish(PriceChanged, { sku: 'tea', cents: 260, by: 'ana' })
  const files = { calls: join(folder, 'calls.json'), events: join(folder, 'events.json') }
  writeFileSync(files.calls, calls.pact())
  writeFileSync(files.events, events.pact())
  return files
}

async function atUrl<T>(provider: Service, work: (url: string) => Promise<T>): Promise<T> {
  await using system = await testSystem(provider, { doors: [rest({ port: 0, pages: false, announce: false })] })
  // Before that is over it must not end.
  return await work(system.urls[0]!)
}

const last = ({ output }: Ran): string => output.trim().slice(-3_000)

async function theyVerifyOurs(): Promise<void> {
  const { calls, events } = await ours()
  const place = join(folder, 'jvm')
  mkdirSync(join(place, 'pacts'), { recursive: true })
  writeFileSync(join(place, 'pacts', 'shop-prices.json'), readFileSync(calls))
  writeFileSync(join(place, 'pacts', 'shop-prices-events.json'), readFileSync(events))
  await atUrl(pricesWith(), async (url) => {
    const [byJs, heardByJs, byJvm] = [await js('http', url, calls), await js('messages', events), await jvm(place, 'verify', url)]
    told(byJs.code === 0, 'pact-js verifies our provider by our pact: 2 interactions', last(byJs))
    told(heardByJs.code === 0, 'pact-js verifies a message by our pact', last(heardByJs))
    told(byJvm.code === 0 && /3 succeeded, 0 failed/.test(byJvm.output), 'Pact JVM verifies both: 3 interactions', last(byJvm))
  })
  const broken = pricesWith((found) => ({ ...found, steps: [] }))
  await atUrl(broken, async (url) => {
    const [byJs, byJvm] = [await js('http', url, calls), await jvm(place, 'verify', url)]
    told(byJs.code !== 0 && /steps/.test(byJs.output), 'pact-js refuses a provider that gives no steps', last(byJs))
    told(byJvm.code !== 0 && /steps/.test(byJvm.output), 'Pact JVM refuses it as well', last(byJvm))
  })
  const failed = await verifyContracts(broken, { pacts: calls, states })
  told(
    /shop: "of, given a price"[^\n]*\n {2}body \$\.steps:/.test(describeVerification(failed)),
    'we refuse it, with consumer, interaction and field',
  )
}

async function weVerifyTheirs(): Promise<void> {
  const written: readonly (readonly [consumer: string, ran: Ran, pacts: string])[] = [
    ['pact-js', await js('write', join(folder, 'of-js')), join(folder, 'of-js')],
    ['pact-jvm', await jvm(folder, 'write', join(folder, 'of-jvm')), join(folder, 'of-jvm')],
  ]
  for (const [consumer, ran, pacts] of written) {
    told(ran.code === 0 && readdirSync(pacts).length > 0, `${consumer} writes a pact`, last(ran))
    if (ran.code !== 0) continue
    const verified = async (provider: Service, through: 'process' | 'door'): Promise<Verification> =>
      verifyContracts(provider, { pacts, states, messages, through })
    for (const through of ['process', 'door'] as const) {
      const report = await verified(pricesWith(), through)
      const words = through === 'process' ? 'in process' : 'through its door'
      told(
        report.ok,
        `we verify our provider by it ${words}: ${report.interactions.length} interactions`,
        describeVerification(report),
      )
    }
    const report = await verified(
      pricesWith((found) => ({ ...found, steps: [{ from: 1, cents: 'much' }] as never })),
      'process',
    )
    told(!report.ok, `a provider that breaks ${consumer} is refused by us`)
  }
}

try {
  await theyVerifyOurs()
  await weVerifyTheirs()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
if (!well) process.exitCode = 1
