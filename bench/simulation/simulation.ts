import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describeOutcome, explore, loadSimulation, simulate, type Report, type SimulationSource } from '@dure/simulation'
import type { BenchContext, BenchResult } from '../bench.ts'

const MARKETPLACE = new URL('../../examples/marketplace/system.ts', import.meta.url).href
/** Seeds of one run, and of the runs before that, in which code becomes warm. */
const [SEEDS, WARM, RUNS] = [30, 15, 3]

/**
 * The marketplace under simulation: a minute of load each, all kinds of faults, and every invariant afterwards; in one
 * thread, by processor time, whatever else the machine does. The floor is the same machine committing as many
 * transactions to a bare SQLite file, and nothing else.
 * @throws {Error} when a seed does not hold
 */
export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  const { simulation } = await loadSimulation(MARKETPLACE)
  progress(`warming up with ${WARM} seeds`)
  await held(simulation, { from: 1, seeds: WARM })
  const reports: Report[] = []
  for (let run = 1; run <= RUNS; run++) {
    progress(`run ${run} of ${RUNS}: ${SEEDS} seeds`)
    reports.push(await held(simulation, { from: 1_000, seeds: SEEDS }))
  }
  const rates = reports.map(({ seeds, processor }) => (seeds * 1_000) / processor)
  const [{ steps, refused, virtual, sometimes }] = reports as [Report]
  const faults = Object.entries(sometimes).reduce((sum, [what, { times }]) => sum + (what.startsWith('fault: ') ? times : 0), 0)

  progress('the floor: as many bare commits')
  const commits = await commitsOfSeeds(simulation, 1_000, SEEDS)
  const bare = bareCommits(20_000)
  const rate = Math.max(...rates)
  return {
    ratios: { vs_floor: rate / (bare / commits) },
    figures: {
      seeds_per_second: rate,
      seeds_per_second_runs: rates,
      virtual_seconds_per_second: (rate * virtual) / SEEDS / 1_000,
      steps_per_seed: steps / SEEDS,
      steps_refused_per_seed: refused / SEEDS,
      faults_per_seed: faults / SEEDS,
      commits_per_seed: commits,
      bare_commits_per_second: bare,
    },
  }
}

async function held(simulation: SimulationSource, { from, seeds }: { from: number; seeds: number }): Promise<Report> {
  const report = await explore({ simulation, from, seeds, failures: 1, verify: 0 })
  const [failure] = report.failures
  if (failure !== undefined) throw new Error(`Cannot measure what does not hold: ${describeOutcome(failure)}`)
  return report
}

/** Transactions that a seed commits, on average: those of the services' stores, and those of the broker. */
async function commitsOfSeeds(simulation: SimulationSource, from: number, seeds: number): Promise<number> {
  let commits = 0
  for (let seed = from; seed < from + seeds; seed++) {
    const { lines } = await simulate({ simulation, seed, record: true })
    for (const { what } of lines) if (what === 'committed' || what === 'publish done' || what === 'acknowledge') commits++
  }
  return commits / seeds
}

/** Transactions of one row each that one SQLite file takes in a second of processor time, with the durability of a simulation. */
function bareCommits(count: number): number {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-simulation-'))
  const db = new DatabaseSync(join(directory, 'floor.db'))
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT)')
    const [begin, insert, commit] = [
      db.prepare('BEGIN IMMEDIATE'),
      db.prepare('INSERT INTO rows (text) VALUES (?)'),
      db.prepare('COMMIT'),
    ]
    const before = process.cpuUsage()
    for (let i = 0; i < count; i++) {
      begin.run()
      insert.run(`row ${i}`)
      commit.run()
    }
    const { user, system } = process.cpuUsage(before)
    return (count * 1_000_000) / (user + system)
  } finally {
    db.close()
    rmSync(directory, { recursive: true, force: true })
  }
}
