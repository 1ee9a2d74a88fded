/**
 * Chaos: `npm run chaos -- --kills 20`. Starts the marketplace on data of its own, kills it (-9) under load again and
 * again, and proves that nothing acknowledged was lost and nothing happened twice.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { KINDS } from '../brokers.ts'
import { replicasFlag } from '../flags.ts'
import { choiceFlag, describeFlags, FlagError, numberFlag, readFlags, switchFlag, textFlag } from '../workload/flags.ts'
import { describeInvariant } from '../workload/invariants.ts'
import { showProgress } from '../workload/progress.ts'
import { runFlags, sessionOptions } from '../workload/run-flags.ts'
import { describeFrozen, runChaos, type ChaosProgress, type ChaosResult } from './chaos.ts'
import { isTelemetryWell, type TelemetryResult } from './collector-apart.ts'
import type { Outage, Unnoticed } from './storm.ts'
import type { Waited } from './waits.ts'

const run = runFlags(1)
const FLAGS = {
  kills: numberFlag({ help: 'How often the marketplace is killed', fallback: 20, least: 1, most: 10_000 }),
  seconds: numberFlag({ help: 'Over which the kills are spread, about', fallback: 60, least: 1 }),
  split: switchFlag('Run each service in a process of its own, and kill each in turn, the supervisor included'),
  freeze: switchFlag('Run it split, and freeze each service in turn for seven seconds instead of killing'),
  rolling: numberFlag({ help: 'Run it split, and replace every process this often instead: no call may fail', fallback: 0 }),
  scale: numberFlag({
    help: 'With --replicas: give those services a copy more, and then one alone, this often instead: no call may fail',
    fallback: 0,
  }),
  place: numberFlag({
    help: 'Run it split, and move the order service into the process of another and out again instead, so many moves: no call may fail',
    fallback: 0,
  }),
  replicas: replicasFlag('Run it split, with so many copies of services, such as order=3,stock=2'),
  database: choiceFlag(['sqlite', 'postgres'], 'Where the services keep their data', 'sqlite'),
  outbox: choiceFlag(
    ['polling', 'wal'],
    "How events leave PostgreSQL: looked for in a table, or read from the server's log",
    'polling',
  ),
  broker: choiceFlag(['embedded', ...KINDS], 'What carries events: a server of its own, but for embedded', 'embedded'),
  outages: switchFlag(
    'Run it on PostgreSQL (or on the --broker), and stop or kill that every few seconds instead, for --seconds; a broker is frozen and cut off as well, and its disk is full',
  ),
  collector: switchFlag(
    'Run the collector as a process of its own, with a store of 4 MiB, and kill, stop and freeze that instead, for --seconds',
  ),
  insight: switchFlag('Run the service that says what events mean over time as well: its invariants are checked too'),
  products: numberFlag({ help: 'Products of the marketplace', fallback: 500, least: 10 }),
  customers: numberFlag({ help: 'Customers of the marketplace', fallback: 500, least: 10 }),
  seed: run.seed,
  concurrency: { ...run.concurrency, fallback: 32 },
  mix: run.mix,
  quiet: numberFlag({ help: 'Seconds to wait for quiet at the end', fallback: 120, least: 1 }),
  data: textFlag('DIR', 'Use this directory, and keep it'),
  json: textFlag('FILE', 'Write the outcome to this file'),
}

const HELP = `Usage: npm run chaos -- [flags], npm run chaos -- edge [flags], npm run chaos -- gateway [flags],
npm run chaos -- identity [flags], or npm run chaos -- settings [flags]

Kills the marketplace with SIGKILL at random moments under load, and its payment provider now and then,
restarts it on the same data, and checks that nothing was lost or doubled, that every consumer handled the events of
a key in their order, and that every invariant holds. With --rolling nothing is killed: every process is replaced
under load, and no call may fail; with --scale services get more and fewer copies instead, and with --place (or the word place: ten
times) a service moves between processes. With --collector (or the word collector) it is the collector that is killed, stopped and frozen. With --outages it is the
database that is taken away, and with --broker the broker: killed, stopped, frozen for 20 s, cut off in the midst of an
event, unheard, and with a full disk (for which this must run as root on Linux; else that is said, and left out).

${describeFlags(FLAGS)}
`

async function main(words: readonly string[]): Promise<number> {
  const flags = readFlags(FLAGS, words)
  if (!flags) {
    process.stdout.write(HELP)
    return 0
  }
  const ways = [flags.freeze, flags.rolling > 0, flags.scale > 0, flags.place > 0, flags.outages, flags.collector].filter(
    Boolean,
  ).length
  if (ways > 1)
    throw new FlagError(
      'Cannot do more than one of --freeze, --rolling, --scale, --place, --outages and --collector in a run: choose one',
    )
  if (flags.scale > 0 && flags.replicas === undefined) {
    throw new FlagError('Cannot scale without --replicas: say which services, and how many copies they begin with')
  }
  if (flags.outbox === 'wal' && flags.database === 'sqlite' && !flags.outages) {
    throw new FlagError('Cannot use --outbox wal with --database sqlite: the log is that of PostgreSQL; add --database postgres')
  }
  const directory = dataDirectory(flags.data)
  const stopping = new AbortController()
  const interrupt = (): void => {
    // Once ends the kills and looks at what is there; twice ends everything, and the children with it.
    if (stopping.signal.aborted) process.exit(130)
    stopping.abort(new Error('Interrupted'))
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  const print = (line: string): void => void process.stdout.write(`${line}\n`)
  let look: () => ChaosProgress = () => ({ up: false, kills: 0, finished: 0, accepted: 0, unknown: 0 })
  const progress = showProgress({ terminal: process.stderr, line: () => describeProgress(look(), flags) })
  let sound = false
  try {
    const result = await runChaos({
      ...flags,
      sessions: sessionOptions({
        ...{ sellers: 'uniform', products: 'uniform', zipf: 1 },
        ...{ 'checkout-probability': 100, 'voucher-probability': 5, 'unique-seller': false },
      }),
      directory,
      signal: stopping.signal,
      say: progress.note,
      watch: (next) => (look = next),
    }).finally(progress.stop)
    for (const line of describeResult(result)) print(line)
    if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(reportOf(result, flags.seed), undefined, 2)}\n`)
    const wrong = result.lost.length + result.doubled.length + (result.effects?.overtaken.length ?? 0)
    sound = failedCalls(result) === 0 && wrong === 0 && result.invariants.every(({ ok }) => ok)
    if (stopping.signal.aborted) print('Interrupted')
    return sound && isWhole(result, flags) ? 0 : 1
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
    if (sound && flags.data === undefined) rmSync(directory, { recursive: true, force: true })
    else print(`Data kept in ${directory}`)
  }
}

/** `place` stands for ten moves, and `collector` for its flag. */
function wordsOf([first, ...rest]: readonly string[]): readonly string[] {
  if (first === 'place') return ['--place', '10', ...rest]
  if (first === 'collector') return ['--collector', ...rest]
  return first === undefined ? [] : [first, ...rest]
}

function dataDirectory(given: string | undefined): string {
  if (given === undefined) return mkdtempSync(join(tmpdir(), 'dure-chaos-'))
  const directory = resolve(given)
  mkdirSync(directory, { recursive: true })
  return directory
}

type Aim = {
  readonly kills: number
  readonly freeze: boolean
  readonly rolling: number
  readonly scale: number
  readonly place: number
  readonly outages: boolean
  readonly collector: boolean
}

/** Whether all that was to be done to it has been. */
function isWhole({ kills, unnoticed, outages, telemetry }: ChaosResult, aim: Aim): boolean {
  if (telemetry !== undefined && !isTelemetryWell(telemetry)) return false
  if (aim.outages || aim.collector) return outages !== undefined && outages.length > 0
  const rounds = aim.rolling + aim.scale + aim.place
  if (rounds > 0) return unnoticed?.rounds === rounds
  return aim.freeze || kills === aim.kills
}

function failedCalls({ unnoticed, calls }: ChaosResult): number {
  return [unnoticed?.fresh, unnoticed?.slow, calls].reduce((sum, waited) => sum + (waited?.failed ?? 0), 0)
}

function describeProgress({ up, kills, finished, accepted, unknown }: ChaosProgress, aim: Aim): string {
  const state = up ? 'up' : 'down'
  const ways = [
    [aim.rolling > 0, 'replacing'],
    [aim.scale > 0, 'scaling'],
    [aim.place > 0, 'moving'],
    [aim.freeze, 'freezing'],
    [aim.outages || aim.collector, `outage ${kills}`],
  ] as const
  const what = ways.find(([chosen]) => chosen)?.[1] ?? `kill ${kills} of ${aim.kills} · ${state}`
  return `${what} · ${finished.toLocaleString('en')} transactions · ${accepted.toLocaleString('en')} acknowledged · ${unknown} unanswered`
}

function describeResult(result: ChaosResult): string[] {
  const { kills, providerKills, restarts, finished, accepted, unknown, lost, doubled, invariants } = result
  const mean = restarts.reduce((sum, ms) => sum + ms, 0) / Math.max(1, restarts.length)
  return [
    ...(result.frozen ?? []).map(describeFrozen),
    ...(result.unnoticed ? describeUnnoticed(result, result.unnoticed) : []),
    ...(result.outages ? describeOutages(result.outages) : []),
    ...(result.telemetry ? describeTelemetry(result.telemetry) : []),
    ...(result.unnoticed || result.outages
      ? []
      : [
          `${kills} kills and ${providerKills} of the payment provider; ready again after ${Math.round(mean)} ms (at most ${Math.round(Math.max(0, ...restarts))} ms)`,
        ]),
    `${finished.toLocaleString('en')} transactions finished, ${accepted.toLocaleString('en')} acknowledged to follow up, ${unknown.toLocaleString('en')} without an answer`,
    `lost ${lost.length}, doubled ${doubled.length}`,
    ...lost.slice(0, 20).map((what) => `  lost: ${what}`),
    ...doubled.slice(0, 20).map((what) => `  doubled: ${what}`),
    ...describeOrder(result.effects),
    ...invariants.map(describeInvariant),
  ]
}

function describeOrder(effects: ChaosResult['effects']): readonly string[] {
  if (effects === undefined) return ['order of keys: not looked at on PostgreSQL']
  const { overtaken, consumers, keys } = effects
  const counted = `${effects.effects.toLocaleString('en')} effects at ${consumers} consumers, ${keys.toLocaleString('en')} keys`
  return [`out of order ${overtaken.length} (${counted})`, ...overtaken.slice(0, 20).map((what) => `  out of order: ${what}`)]
}

function describeOutages(outages: readonly Outage[]): readonly string[] {
  const ways = [...Map.groupBy(outages, ({ how }) => how)].map(([how, all]) => `${how} ${all.length}`)
  const took = outages.map(({ away, recovered }) => recovered - away)
  const mean = took.reduce((sum, ms) => sum + ms, 0) / Math.max(1, took.length)
  const [on, most] = [mean, Math.max(0, ...took)].map((ms) => Math.round(ms).toLocaleString('en'))
  return [`${outages.length} outages: ${ways.join(', ')}`, `at work again ${on} ms after it was back (at most ${most} ms)`]
}

function describeTelemetry({ rates, dropped, bytes, limit, gone }: TelemetryResult): readonly string[] {
  const mebi = (size: number): string => (size / 2 ** 20).toFixed(1)
  return [
    `transactions a second: ${rates.there.toFixed(1)} with the collector, ${rates.away.toFixed(1)} without it`,
    `spans and lines dropped and counted: ${dropped.toLocaleString('en')}`,
    `the store: ${mebi(bytes)} MiB at most, where ${mebi(limit)} are its bound; ${gone} segments went for later ones`,
  ]
}

function describeUnnoticed({ calls }: ChaosResult, { rounds, steps, fresh, slow }: Unnoticed): string[] {
  const names = [...new Set(steps.map(({ name }) => name))]
  const times = names.map((name) => {
    const all = steps.filter((one) => one.name === name).map(({ ms }) => ms)
    return `  ${name}: ${Math.round(all.reduce((sum, ms) => sum + ms, 0) / all.length)} ms, at most ${Math.max(...all)} ms`
  })
  const seen = (who: string, { requests, failed, longest }: Waited): string =>
    `${who}: ${requests.toLocaleString('en')} calls, ${failed} failed, the longest took ${longest} ms`
  return [
    `${rounds} rounds, ${steps.length} steps:`,
    ...times,
    ...(calls ? [seen('the workload', calls)] : []),
    seen('with a connection for each call', fresh),
    seen('with connections idle for up to 4 s', slow),
    ...Object.entries(calls?.complaints ?? {}).map(([what, count]) => `  ${count} × ${what}`),
  ]
}

/** What `--json` writes. */
function reportOf(result: ChaosResult, seed: number): object {
  const { kills, providerKills, restarts, finished, accepted, unknown, lost, doubled, books, invariants } = result
  return {
    kills,
    lost: lost.length,
    doubled: doubled.length,
    out_of_order: result.effects?.overtaken.length,
    effects: result.effects?.effects,
    invariants,
    seed,
    provider_kills: providerKills,
    restart_ms: restarts.map((ms) => Math.round(ms)),
    transactions: finished,
    acknowledged: accepted,
    without_an_answer: unknown,
    frozen: result.frozen,
    outages: result.outages,
    telemetry: result.telemetry,
    ...(result.unnoticed && { failed_calls: failedCalls(result), calls: result.calls, unnoticed: result.unnoticed }),
    provider: books,
    what_was_lost: lost,
    what_was_doubled: doubled,
  }
}

const [first, ...rest] = process.argv.slice(2)
try {
  // What is looked at there has no marketplace around it.
  if (first === 'edge') process.exitCode = await (await import('./edge/main.ts')).main(rest)
  else if (first === 'gateway') process.exitCode = await (await import('./gateway/main.ts')).main(rest)
  else if (first === 'identity') process.exitCode = await (await import('./identity/main.ts')).main(rest)
  else if (first === 'settings') process.exitCode = await (await import('./settings/main.ts')).main(rest)
  else process.exitCode = await main(wordsOf(process.argv.slice(2)))
} catch (error) {
  const known = error instanceof FlagError || ['ChildError', 'DoorError', 'NotQuietError'].includes((error as Error).name)
  process.stderr.write(`${known ? (error as Error).message : String((error as Error).stack ?? error)}\n`)
  process.exitCode = error instanceof FlagError ? 2 : 1
}
