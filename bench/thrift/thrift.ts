import type { BenchContext, BenchResult } from '../bench.ts'
import { measure, serve, type Measured } from './calls.ts'
import { pairOf, PROTOCOLS } from './codecs.ts'
import { generate, load } from './npm.ts'

const ROUNDS = Number(process.env['DURE_BENCH_ROUNDS'] ?? 5)
/** Milliseconds of one measurement of a codec. */
const WHILE = 200

/**
 * An order of eight lines beside npm's `thrift`: written and read by our codec and by the code of Thrift's compiler, in the same bytes
 * (else it refuses to run), and called at our door (contract, deadline, trace and metrics on) and at npm's framed server, which checks
 * nothing, each in a process of its own. Rounds are interleaved, and the best of each counts.
 */
export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  const { folder, remove } = generate()
  try {
    const codecs = codecTimes(folder, progress)
    const { dure, npm } = await callTimes(folder, progress)
    const times = (what: string): number => codecs[`npm_${what}_us`]! / codecs[`dure_${what}_us`]!
    return {
      ratios: {
        encode_vs_npm: times('encode_binary'),
        decode_vs_npm: times('decode_binary'),
        encode_compact_vs_npm: times('encode_compact'),
        decode_compact_vs_npm: times('decode_compact'),
        call_vs_npm: dure.perSecond / npm.perSecond,
        call_cpu_vs_npm: npm.cpu / dure.cpu,
      },
      figures: {
        ...codecs,
        ...{ dure_calls_per_second: dure.perSecond, npm_calls_per_second: npm.perSecond },
        ...{ dure_call_cpu_us: dure.cpu, npm_call_cpu_us: npm.cpu },
      },
    }
  } finally {
    remove()
  }
}

type Progress = BenchContext['progress']

/** Microseconds of a message, by side, way and protocol. */
function codecTimes(folder: string, progress: Progress): Record<string, number> {
  const made = load(folder)
  const pairs = PROTOCOLS.map((protocol) => [protocol, pairOf(protocol, made)] as const)
  const best: Record<string, number> = {}
  for (let round = 0; round < ROUNDS; round++) {
    progress(`round ${round + 1} of ${ROUNDS}: codecs`)
    for (const [protocol, pair] of pairs)
      for (const way of ['encode', 'decode'] as const)
        for (const side of ['dure', 'npm'] as const) {
          const name = `${side}_${way}_${protocol}_us`
          best[name] = Math.min(best[name] ?? Number.POSITIVE_INFINITY, microseconds(pair[side][way]))
        }
  }
  return best
}

function microseconds(run: () => unknown): number {
  const begun = performance.now()
  let [ms, times] = [0, 0]
  do {
    for (let n = 0; n < 100; n++) run()
    times += 100
    ms = performance.now() - begun
  } while (ms < WHILE)
  return (ms / times) * 1_000
}

async function callTimes(folder: string, progress: Progress): Promise<{ readonly dure: Measured; readonly npm: Measured }> {
  const servers = { dure: await serve('dure'), npm: await serve('npm', folder) }
  const worst: Measured = { perSecond: 0, cpu: Number.POSITIVE_INFINITY }
  const best = { dure: worst, npm: worst }
  try {
    for (let round = 0; round < ROUNDS; round++)
      for (const name of ['dure', 'npm'] as const) {
        progress(`round ${round + 1} of ${ROUNDS}: calls, ${name}`)
        const { perSecond, cpu } = await measure(servers[name])
        best[name] = { perSecond: Math.max(perSecond, best[name].perSecond), cpu: Math.min(cpu, best[name].cpu) }
      }
    return best
  } finally {
    for (const { child } of Object.values(servers)) child.disconnect()
  }
}
