import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchContext, BenchResult } from '../bench.ts'
import { cpuOf, MEASURED, ours, type Program } from '../gateway/processes.ts'

/** Node's own server, and h2load of the package nghttp2-client. */
export const peers = false

const ROUNDS = Number(process.env['DURE_BENCH_ROUNDS'] ?? 3)
const REQUESTS = Number(process.env['DURE_BENCH_REQUESTS'] ?? 60_000)
/** Connections, and streams at once on each. */
const LOADS = { streams16: [8, 16], streams1: [64, 1] } as const
const NAMES = ['dure', 'node_http2'] as const

type Measured = { readonly perSecond: number; readonly microseconds: number }

/**
 * Small requests with a body, as gRPC sends them, to our server of HTTP/2 and to Node's, each on a core of its own. Rounds are
 * interleaved, and the best of each counts.
 */
export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'dure-bench-http2-'))
  const body = join(folder, 'body')
  writeFileSync(body, Buffer.alloc(90, 'x'))
  const servers: Program[] = []
  const best: Record<string, Measured> = {}
  try {
    for (const name of NAMES) servers.push(await ours('../http2/server.ts', [name], MEASURED))
    for (let round = 0; round < ROUNDS; round++)
      for (const [load, [connections, streams]] of Object.entries(LOADS))
        for (const [i, name] of NAMES.entries()) {
          progress(`round ${round + 1} of ${ROUNDS}: ${name}, ${connections} connections, ${streams} streams at once`)
          const now = measure(servers[i]!, body, connections, streams)
          const before = best[`${name}_${load}`] ?? now
          best[`${name}_${load}`] = {
            perSecond: Math.max(now.perSecond, before.perSecond),
            microseconds: Math.min(now.microseconds, before.microseconds),
          }
        }
  } finally {
    for (const server of servers) server.stop()
    rmSync(folder, { recursive: true })
  }
  const ratio = (load: keyof typeof LOADS): number => best[`dure_${load}`]!.perSecond / best[`node_http2_${load}`]!.perSecond
  const cpu = (load: keyof typeof LOADS): number => best[`node_http2_${load}`]!.microseconds / best[`dure_${load}`]!.microseconds
  return {
    ratios: {
      vs_node_http2: ratio('streams16'),
      streams1_vs_node_http2: ratio('streams1'),
      cpu_vs_node_http2: cpu('streams16'),
      streams1_cpu_vs_node_http2: cpu('streams1'),
    },
    figures: Object.fromEntries(
      Object.entries(best).flatMap(([name, { perSecond, microseconds }]) => [
        [`${name}_requests_per_second`, perSecond],
        [`${name}_cpu_us_per_request`, microseconds],
      ]),
    ),
  }
}

function measure({ port, pid }: Program, body: string, connections: number, streams: number): Measured {
  const before = cpuOf(pid)
  const output = execFileSync(
    'h2load',
    ['-n', `${REQUESTS}`, '-c', `${connections}`, '-m', `${streams}`, '-d', body, `http://127.0.0.1:${port}/dure.Stock/Find`],
    { encoding: 'utf8' },
  )
  const after = cpuOf(pid)
  const perSecond = Number(/finished in [^,]+, ([\d.]+) req\/s/.exec(output)?.[1])
  if (!output.includes(`${REQUESTS} succeeded, 0 failed`)) throw new Error(`Some requests failed: ${output}`)
  return { perSecond, microseconds: (after - before) / REQUESTS }
}
