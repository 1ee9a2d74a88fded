import { connect } from 'node:net'
import type { BenchContext, BenchResult } from '../bench.ts'
import { cpuOf, MEASURED, ours, type Program } from '../gateway/processes.ts'

const ROUNDS = Number(process.env['DURE_BENCH_ROUNDS'] ?? 5)
/** Requests under way at once, and of a round. */
const [IN_FLIGHT, CALLS] = [16, Number(process.env['DURE_BENCH_REQUESTS'] ?? 8_000)]
const NAMES = ['dure', 'yoga', 'mercurius', 'mercurius_jit'] as const

const query = 'query Find($id: String!) { ordersFind(id: $id) { id customer lines { product pieces price } } }'
const body = JSON.stringify({ query, variables: { id: 'order-4711' } })
const request = `POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\naccept: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`

type Measured = { readonly perSecond: number; readonly cpu: number }

/**
 * An order of eight lines asked with a variable, of our door (contract, deadline, trace, metrics and bounds on), of GraphQL Yoga and of Mercurius as they are
 * made by default, and of Mercurius with its compiler; each in a process on a core of its own, asked by bare sockets. Rounds are interleaved, and the best of
 * each counts.
 */
export async function bench({ progress, peer }: BenchContext): Promise<BenchResult> {
  // Only to have them installed: they run in their own processes.
  for (const name of ['graphql-yoga', 'mercurius']) await peer(name)
  const servers: Program[] = []
  const best: Record<string, Measured> = {}
  try {
    for (const name of NAMES) servers.push(await ours('../graphql/server.ts', [name], MEASURED))
    for (let round = 0; round < ROUNDS; round++)
      for (const [i, name] of NAMES.entries()) {
        progress(`round ${round + 1} of ${ROUNDS}: ${name}`)
        const now = await measure(servers[i]!)
        const before = best[name] ?? now
        best[name] = { perSecond: Math.max(now.perSecond, before.perSecond), cpu: Math.min(now.cpu, before.cpu) }
      }
  } finally {
    for (const { stop } of servers) stop()
  }
  const { dure, yoga, mercurius, mercurius_jit: compiled } = best as Record<(typeof NAMES)[number], Measured>
  return {
    ratios: {
      vs_yoga: dure.perSecond / yoga.perSecond,
      vs_mercurius: dure.perSecond / mercurius.perSecond,
      vs_mercurius_jit: dure.perSecond / compiled.perSecond,
      ...{ cpu_vs_yoga: yoga.cpu / dure.cpu, cpu_vs_mercurius: mercurius.cpu / dure.cpu },
    },
    figures: Object.fromEntries(
      Object.entries(best).flatMap(([name, { perSecond, cpu }]) => [
        [`${name}_per_second`, perSecond],
        [`${name}_cpu_us`, cpu],
      ]),
    ),
  }
}

async function measure({ port, pid }: Program): Promise<Measured> {
  const [used, begun] = [cpuOf(pid), performance.now()]
  await Promise.all(Array.from({ length: IN_FLIGHT }, () => ask(port, CALLS / IN_FLIGHT)))
  const ms = performance.now() - begun
  return { perSecond: (CALLS / ms) * 1_000, cpu: (cpuOf(pid) - used) / CALLS }
}

/** Asks so many times, one after the other, on a connection of its own. */
function ask(port: number, times: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => socket.write(request))
    let [text, left] = ['', times]
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (!/\}(?:\r\n0\r\n\r\n)?$/.test(text)) return
      if (!text.startsWith('HTTP/1.1 200') || text.split('"p-').length !== 9) return void reject(new Error(text.slice(0, 500)))
      text = ''
      if (--left > 0) return void socket.write(request)
      socket.destroy()
      resolve()
    })
  })
}
