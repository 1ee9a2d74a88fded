/**
 * `npm run soak -- --minutes 10 --connections 10000 [--json FILE]`: a process serves honest callers while another does to
 * it what bytes can do. Ends with 1 when a call failed, or when memory was not flat.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Address } from 'dure/discovery'
import type { Attacked } from './attackers.ts'
import type { Served } from './honest.ts'
import type { Taken } from './server.ts'
import { ENOUGH, judge, type Sample } from './verdict.ts'

const HELP = `Usage: npm run soak -- [flags]

  --minutes N      How long it lasts (default 10)
  --connections N  Connections that the attackers hold or try to hold (default 10000); each needs a file descriptor,
                   so raise their limit first where it is lower: ulimit -n 20000
  --pace N         Connections that they open a second, and open again when they are closed (default 300)
  --growth N       MiB a minute that memory may grow by (default 2)
  --json FILE      Write the outcome to this file
  --leak           Let the server leak, to see that it is noticed
`

/** Milliseconds that it may take longer. */
const EXTRA = 60_000

const children: ChildProcess[] = []
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')))

/** Started, and what it says first. */
async function begin(name: string, words: readonly string[], execArgv: readonly string[] = []): Promise<[ChildProcess, unknown]> {
  const child = fork(join(import.meta.dirname, `${name}.ts`), words, { execArgv: ['--conditions=dure-source', ...execArgv] })
  children.push(child)
  child.once('exit', (code, signal) => {
    if (!child.connected || code === 0) return
    console.error(`Cannot go on: the process of the ${name} ended with ${signal ?? code}`)
    process.exit(1)
  })
  return [child, await answer(child)]
}

/** Every question has one answer. */
async function answer(child: ChildProcess): Promise<unknown> {
  const gone = new AbortController()
  const ended = once(child, 'exit', { signal: gone.signal }).then(
    () => Promise.reject(new Error('Cannot go on: a process has ended')),
    () => undefined,
  )
  try {
    return ((await Promise.race([once(child, 'message'), ended])) as unknown[])[0]
  } finally {
    gone.abort()
  }
}

async function ask<T>(child: ChildProcess, question = 'tell'): Promise<T> {
  child.send(question)
  return (await answer(child)) as T
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      connections: { type: 'string', default: '10000' },
      pace: { type: 'string', default: '300' },
      growth: { type: 'string', default: '2' },
      json: { type: 'string' },
      leak: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const [minutes, connections] = [number('minutes', values), number('connections', values)]
  const [pace, growth] = [number('pace', values), number('growth', values)]
  const [server, where] = await begin('server', values.leak ? ['--leak'] : [], ['--expose-gc'])
  const { port } = where as Address & { readonly port: number }
  const [honest] = await begin('honest', [JSON.stringify(where)])
  const [attackers] = await begin('attackers', [`${port}`, `${connections}`, `${pace}`])

  const samples: Sample[] = []
  const begun = performance.now()
  const length = minutes * 60_000
  const look = async (): Promise<void> => {
    const [taken, served, attacked] = await Promise.all([ask<Taken>(server), ask<Served>(honest), ask<Attacked>(attackers)])
    samples.push({ at: performance.now() - begun, taken, served, attacked })
    show(samples.at(-1)!, length)
  }
  // A hundred looks at most: each collects all garbage, which is work that nobody else does.
  const between = Math.max(length / 100, Math.min(1_000, length / 5))
  const past = (): number => performance.now() - begun - length
  // On a slow machine a short one goes on until everything has been tried.
  while (past() < 0 || (past() < EXTRA && (samples.length < ENOUGH || !everything(samples.at(-1))))) {
    await sleep(past() < 0 ? Math.min(between, -past()) : between)
    await look()
  }
  // Whoever still waits is waited for; the attacks go on until then.
  const served = await ask<Served>(honest, 'stop')
  samples.push({ ...samples.at(-1)!, at: performance.now() - begun, served })
  if (process.stderr.isTTY) process.stderr.write('\n')

  const { wrong, figures } = judge(samples, {
    bounds: { rss: growth * 1024 * 1024, heap: growth * 1024 * 1024 },
    // What the listener allows by its limits (1,000 and 256): seats, strangers, those asked to go, and some that come at once.
    most: 1_000 + 256 * 3,
  })
  const { made, ended, refused } = samples.at(-1)!.attacked
  const width = Math.max(...[...Object.keys(figures), ...Object.keys(made)].map((name) => name.length))
  const row = (name: string, value: number): string => `  ${name.padEnd(width)}  ${value.toLocaleString('en').padStart(12)}`
  console.log(
    `soak\n${Object.entries(figures)
      .map(([name, value]) => row(name, value))
      .join('\n')}`,
  )
  console.log(
    `connections by attack\n${Object.entries(made)
      .map(([name, count]) => row(name, count))
      .join('\n')}`,
  )
  for (const what of wrong) console.log(`✖ ${what}`)
  console.log(wrong.length === 0 ? '✔ All honest calls were answered, and memory is flat' : '✖ It did not stand')
  if (values.json !== undefined) {
    const outcome = {
      bench: 'soak',
      ok: wrong.length === 0,
      wrong,
      figures,
      attacks: { made, ended, refused },
      samples: samples.map(brief),
    }
    writeFileSync(values.json, `${JSON.stringify(outcome, null, 2)}\n`)
  }
  return wrong.length === 0 ? 0 : 1
}

function everything(sample: Sample | undefined): boolean {
  if (sample === undefined) return false
  const { served, attacked } = sample
  return [served.calls, served.values, served.newcomers, ...Object.values(attacked.made)].every((count) => count > 0)
}

function number(name: 'minutes' | 'connections' | 'pace' | 'growth', values: Readonly<Record<string, unknown>>): number {
  const value = Number(values[name])
  if (!(value > 0)) throw new Error(`Cannot read --${name} ${JSON.stringify(values[name])}: it must be a number above 0`)
  return value
}

function brief({ at, taken, served, attacked }: Sample): object {
  return { seconds: Math.round(at / 1_000), ...taken, calls: served.calls, errors: served.errors, attackers: attacked.open }
}

/** One line that is rewritten on a terminal; in a log one now and then would be too many. */
function show({ at, taken, served, attacked }: Sample, length: number): void {
  if (!process.stderr.isTTY) return
  const mib = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`
  const text =
    `${Math.round(at / 1_000)} of ${Math.round(length / 1_000)} s · ${served.calls.toLocaleString('en')} calls, ${served.errors} failed · ` +
    `${attacked.open.toLocaleString('en')} attackers on ${taken.connections} places · rss ${mib(taken.rss)}, heap ${mib(taken.heap)}, held ${mib(taken.held)}`
  process.stderr.write(`\r\u001B[2K${text.slice(0, Math.max(10, (process.stderr.columns ?? 80) - 1))}`)
}

try {
  process.exitCode = await main()
} catch (error) {
  // What a user can mend is said in words; anything else keeps its trace.
  console.error(error instanceof Error && error.message.startsWith('Cannot') ? error.message : error)
  process.exitCode = 1
} finally {
  for (const child of children) if (child.connected) child.disconnect()
}
