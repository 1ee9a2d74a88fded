/**
 * The workload of the Online Marketplace benchmark, as a process of its own: `npm run workload -- --url U --seconds N`.
 * It keeps a fixed number of transactions outstanding, or begins a fixed number a second, measures them, waits for quiet and checks every invariant.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createChild } from '../chaos/child.ts'
import { gatewayBefore, marketplaceAt } from '../chaos/gateway/before.ts'
import { freePort } from '@dure/testing/servers'
import { createDriver, type Driver } from './driver.ts'
import { doorClient, type DoorClient } from './door.ts'
import { describeFlags, flag, FlagError, numberFlag, readFlags, switchFlag, textFlag } from './flags.ts'
import { describeInvariant } from './invariants.ts'
import { TRANSACTIONS } from './mix.ts'
import { showProgress } from './progress.ts'
import { describeFigures, workloadReport } from './report.ts'
import { runFlags, sessionOptions } from './run-flags.ts'
import { findAnomalies, verify } from './verify.ts'

const FLAGS = {
  url: flag({ ...textFlag('U', "Where the marketplace's HTTP door is", 'http://127.0.0.1:8080'), read: readUrl }),
  seconds: numberFlag({ help: 'How long to send transactions; 0 only checks the invariants', fallback: 60 }),
  ...runFlags(1),
  rate: numberFlag({
    help: 'Transactions that fall due a second, --concurrency at most at a time; 0 begins one as soon as another has ended',
    fallback: 0,
    most: 100_000,
    whole: false,
  }),
  quiet: numberFlag({ help: 'Seconds to wait for quiet after the run', fallback: 120, least: 1 }),
  checkout: textFlag(
    'FORM',
    "Run on a marketplace of its own with this form of checkout ('npm start -- --checkout FORM'); events or saga",
    '',
  ),
  broker: textFlag(
    'WHICH',
    "Run on a marketplace of its own with this broker ('npm start -- --broker WHICH'); activemq, artemis, kafka, nats, rabbitmq or redis",
    '',
  ),
  market: textFlag(
    'FLAGS',
    "Run on a marketplace of its own with these flags as well, such as --market='--split --database postgres'",
    '',
  ),
  gateway: switchFlag('Through an API gateway of its own, which is started before it'),
  json: textFlag('FILE', 'Write figures and invariants to this file'),
}

const HELP = `Usage: npm run workload -- [flags]

Runs the Online Marketplace workload in a closed loop (with --rate: an open one), then checks every invariant.
Latency is the response time for dashboard and delivery; for checkout and updates it is the time
until the transaction's mark arrives. With --rate it counts from when the transaction was due. Customers add items at the price the driver tracked itself.

${describeFlags(FLAGS)}
`

function readUrl(text: string): string {
  const url = new URL(/^https?:\/\//.test(text) ? text : `http://${text}`)
  return url.origin
}

const asked = (flag: string, value: string): readonly string[] => (value === '' ? [] : [flag, value])

async function main(given: readonly string[]): Promise<number> {
  const flags = readFlags(FLAGS, given)
  if (!flags) {
    process.stdout.write(HELP)
    return 0
  }
  const words = [...asked('--checkout', flags.checkout), ...asked('--broker', flags.broker)]
  words.push(...flags.market.split(' ').filter(Boolean))
  const own = words.length === 0 ? undefined : await ownMarket(words)
  const edge = flags.gateway ? await gatewayTo(own?.url ?? flags.url) : undefined
  const url = edge?.url ?? own?.url ?? flags.url
  const door = doorClient({ url, connections: flags.concurrency, timeout: 5000 })
  const stopping = new AbortController()
  const interrupt = (): void => stopping.abort(new Error('The run was interrupted'))
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  let driver: Driver | undefined
  try {
    if (flags.seconds === 0) return await checkOnly(door, flags)
    driver = await createDriver({
      door,
      concurrency: flags.concurrency,
      ...(flags.rate === 0 ? {} : { rate: flags.rate }),
      seed: flags.seed,
      mix: flags.mix,
      sessions: sessionOptions(flags),
    })
    return await report(driver, door, flags, stopping.signal)
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
    await driver?.stop()
    await door.close()
    await edge?.stop()
    await own?.stop()
  }
}

/** A marketplace for this run alone, in a folder that is removed with it. */
async function ownMarket(more: readonly string[]): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'marketplace-'))
  // A server of PostgreSQL is another user's, where this one is root.
  chmodSync(directory, 0o755)
  const port = await freePort()
  const words = ['--port', String(port), '--data', directory, ...more]
  const program = fileURLToPath(new URL('../main.ts', import.meta.url))
  const url = `http://127.0.0.1:${port}`
  print(`npm start -- ${words.join(' ')}`)
  const child = createChild({ name: 'the marketplace', words: [program, ...words], ready: new RegExp(url), patience: 120_000 })
  await child.start()
  const stop = async (): Promise<void> => {
    child.signal('SIGTERM')
    while (child.running()) await setTimeout(20)
    rmSync(directory, { recursive: true, force: true })
  }
  return { url, stop }
}

/** `dure gateway` before a marketplace, until the run has ended. */
async function gatewayTo(url: string): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'marketplace-gateway-'))
  const gateway = await gatewayBefore({ directory, configuration: marketplaceAt([new URL(url).host]) })
  print(`Gateway at ${gateway.url}`)
  const stop = async (): Promise<void> => {
    gateway.child.signal('SIGTERM')
    while (gateway.child.running()) await setTimeout(20)
    rmSync(directory, { recursive: true, force: true })
  }
  return { url: gateway.url, stop }
}

/** No transactions: what the services say is held against itself. */
async function checkOnly(door: DoorClient, flags: { quiet: number; json: string | undefined }): Promise<number> {
  const { invariants } = await verify({ door, seconds: flags.quiet })
  for (const invariant of invariants) print(describeInvariant(invariant))
  write(flags.json, { invariants })
  return invariants.every(({ ok }) => ok) ? 0 : 1
}

const print = (line: string): void => void process.stdout.write(`${line}\n`)

function write(file: string | undefined, result: object): void {
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`)
}

async function report(
  driver: Driver,
  door: DoorClient,
  flags: { seconds: number; quiet: number; json: string | undefined; concurrency: number; rate: number },
  signal: AbortSignal,
): Promise<number> {
  const { ledger, population } = driver
  print(
    `${population.products.length.toLocaleString('en')} products of ${population.shelves.length.toLocaleString('en')} sellers, ` +
      `${population.customers.length.toLocaleString('en')} customers; ${flags.rate === 0 ? `${flags.concurrency} transactions outstanding` : `${flags.rate} transactions due a second`}`,
  )
  const progress = showProgress({ terminal: process.stderr, line: liveLine(driver, flags.seconds) })
  const run = await driver.run(flags.seconds, signal).finally(progress.stop)
  print(signal.aborted ? 'Interrupted: checking what was done so far' : 'Waiting for quiet, then checking every invariant')
  const { invariants, quietAfter } = await verify({ door, run: { ledger, before: population }, seconds: flags.quiet })
  const { anomalies, carts } = await findAnomalies(door, ledger)
  const result = workloadReport({ ledger, run, anomalies, invariants })
  for (const line of describeFigures(result)) print(line)
  for (const [answer, count] of ledger.complaints()) print(`  ${count.toLocaleString('en')} × ${answer}`)
  print(`${anomalies} anomalies in ${carts.toLocaleString('en')} carts with several products of one seller`)
  print(`quiet after ${(quietAfter / 1000).toFixed(1)} s`)
  for (const invariant of invariants) print(describeInvariant(invariant))
  write(flags.json, result)
  return invariants.every(({ ok }) => ok) ? 0 : 1
}

/** `12 s of 60 · 1,034 transactions a second · checkout 310 … · 7 aborts · 31 waiting for their mark`, the rate since last shown. */
function liveLine({ ledger, marks }: Driver, seconds: number): () => string {
  const begun = performance.now()
  let [shownAt, shownTotal] = [begun, 0]
  return () => {
    const now = performance.now()
    const total = ledger.total()
    const rate = now > shownAt ? Math.round(((total - shownTotal) * 1000) / (now - shownAt)) : 0
    shownAt = now
    shownTotal = total
    const parts = TRANSACTIONS.map((type) => `${type} ${ledger.summary(type).count.toLocaleString('en')}`)
    const aborts = TRANSACTIONS.reduce((sum, type) => sum + ledger.summary(type).aborts, 0)
    const elapsed = Math.min(seconds, Math.round((now - begun) / 1000))
    return `${elapsed} s of ${seconds} · ${rate.toLocaleString('en')} tx/s · ${parts.join(' ')} · aborts ${aborts} · waiting ${marks.waiting()}`
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  // What a person can mend is said in a sentence; anything else is a defect and shows where.
  const known = error instanceof FlagError || ['DoorError', 'NotQuietError'].includes((error as Error).name)
  process.stderr.write(`${known ? (error as Error).message : String((error as Error).stack ?? error)}\n`)
  process.exitCode = error instanceof FlagError ? 2 : 1
}
