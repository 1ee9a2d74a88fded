import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Shop } from './shop.ts'
import type { Usage } from './usage.ts'

/** What the workload's own report says, and what the marketplace used meanwhile. */
export type Run = {
  readonly tx_per_second: number
  readonly seconds: number
  readonly p50_ms: number
  readonly p95_ms: number
  readonly p99_ms: number
  readonly unfinished?: number
  readonly transactions: Readonly<Record<string, { readonly count: number; readonly p50_ms: number; readonly p99_ms: number }>>
  readonly anomalies: number
  readonly invariants: readonly { readonly name: string; readonly ok: boolean }[]
  /** While transactions were sent: neither what the driver asks before nor the checks after. */
  readonly cpuSeconds: number
  /** The most that was seen, looked at once a second while transactions were sent. */
  readonly rssMb: number
  readonly pssMb: number
}

export type Load = {
  readonly seconds: number
  /** Transactions outstanding; with a `rate`, at most. */
  readonly outstanding: number
  /** Transactions due a second; default: as many as go. */
  readonly rate?: number
}

const MAIN = join(import.meta.dirname, '../../examples/marketplace/workload/main.ts')

/**
 * Runs the workload against a marketplace, in a process of its own.
 * @throws {Error} when an invariant does not hold: such a run has no figure
 */
export async function runWorkload(options: {
  readonly shop: Shop
  readonly load: Load
  /** Where the report is written. */
  readonly json: string
  readonly progress: (line: string) => void
  /** Told when it begins to send. */
  readonly began?: () => void
}): Promise<Run> {
  const { shop, load, json, progress, began } = options
  const { seconds, outstanding, rate = 0 } = load
  const words = Object.entries({ url: shop.url, seconds, concurrency: outstanding, rate, json })
  const child = spawn(
    process.execPath,
    ['--conditions=dure-source', MAIN, ...words.flatMap(([name, value]) => [`--${name}`, String(value)])],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const watch = watchUsage(shop)
  let errors = ''
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4_000)
    progress(`  ${chunk.toString().trim()}`)
  })
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
    // It says so when it begins to send, and when it has ended.
    if (said.includes('transactions outstanding') || said.includes('due a second')) watch.begin(began)
    if (said.includes('Waiting for quiet')) watch.end()
  })
  const code = await new Promise((resolve) => child.once('close', resolve))
  const usage = watch.end()
  if (code !== 0 && code !== 1) throw new Error(`Cannot run the workload: it ended with code ${String(code)}\n${errors}`)
  const run = { ...(JSON.parse(readFileSync(json, 'utf8')) as Omit<Run, keyof typeof usage>), ...usage }
  const broken = run.invariants.filter(({ ok }) => !ok)
  if (broken.length > 0) throw new Error(`Cannot give a figure: broken ${broken.map(({ name }) => name).join(', ')}`)
  return run
}

type Used = Pick<Usage, 'cpuSeconds' | 'rssMb' | 'pssMb'>

/** What is used from `begin` to the first `end`. */
function watchUsage({ usage }: Shop): { readonly begin: (began?: () => void) => void; readonly end: () => Used } {
  let before: Usage | undefined
  let used: Used | undefined
  let [rssMb, pssMb] = [0, 0]
  const look = (): Usage => {
    const now = usage()
    rssMb = Math.max(rssMb, now.rssMb)
    pssMb = Math.max(pssMb, now.pssMb)
    return now
  }
  let timer: NodeJS.Timeout | undefined
  return {
    begin: (began) => {
      if (before !== undefined) return
      before = look()
      began?.()
      timer = setInterval(look, 1_000)
    },
    end: () => {
      clearInterval(timer)
      return (used ??= { cpuSeconds: look().cpuSeconds - (before?.cpuSeconds ?? 0), rssMb, pssMb })
    },
  }
}
