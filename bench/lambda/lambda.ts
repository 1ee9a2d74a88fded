/**
 * What a function of one service takes to start, from the sources of this repository, and to answer when it is warm, beside a handler of eight
 * lines on the same loop of the Runtime API: the platform is a server in this process, so what it costs, both pay. They take turns.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchContext, BenchResult } from '../bench.ts'
import { median } from '../eventstore/rates.ts'
import { startFunction } from './platform.ts'

export const peers = false
const STARTS = 7
const [ROUNDS, CALLS] = [10, 400]

const EVENT = {
  ...{ version: '2.0', rawPath: '/greetings/Sori', rawQueryString: '', headers: { host: 'bench.example' } },
  requestContext: { stage: '$default', http: { method: 'GET' } },
}
const programs = ['ours.ts', 'bare.ts'].map((name) => join(import.meta.dirname, name)) as [string, string]

export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-lambda-'))
  process.env['DURE_DATA'] = directory
  const cold: number[] = []
  const warm: [number[], number[]] = [[], []]
  try {
    for (let start = 0; start < STARTS; start++) {
      progress(`start ${start + 1} of ${STARTS}`)
      const started = await startFunction(programs[0], EVENT)
      cold.push(started.cold)
      await started.stop()
    }
    const both = await Promise.all(programs.map((program) => startFunction(program, EVENT)))
    for (let round = 0; round <= ROUNDS; round++) {
      progress(`round ${round} of ${ROUNDS}`)
      for (const [at, { invoke }] of both.entries()) {
        const times: number[] = []
        for (let call = 0; call < CALLS; call++) times.push(await invoke())
        // The first is for the compiler.
        if (round > 0) warm[at]!.push(median(times))
      }
    }
    for (const { stop } of both) await stop()
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  const [ours, bare] = warm.map((times) => median(times) * 1_000) as [number, number]
  return {
    ratios: { warm_vs_bare: ours / bare },
    figures: {
      ...{ lambda_cold_ms: median(cold), lambda_warm_us: ours },
      ...{ bare_warm_us: bare, lambda_warm_overhead_us: ours - bare },
    },
  }
}
