import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { BenchContext, BenchResult } from '../bench.ts'
import { envelope } from './orders.ts'

/** Requests under way at once, and of a round. */
const [IN_FLIGHT, CALLS] = [16, 3_000]
/** The first ones only make both sides warm: the best of each counts. */
const ROUNDS = Number(process.env['DURE_BENCH_ROUNDS'] ?? 12)

const request = `POST /soap/orders HTTP/1.1\r\nhost: a\r\ncontent-type: text/xml\r\nsoapaction: "urn:dure:orders:1#place"\r\ncontent-length: ${Buffer.byteLength(envelope)}\r\n\r\n${envelope}`

type Measured = { readonly perSecond: number; readonly cpu: number }

/**
 * An order of eight lines over SOAP 1.1, to our door (contract, deadline, trace and metrics on), and to the server of npm's `soap`, which
 * checks nothing; each in a process of its own, asked by bare sockets. Rounds are interleaved, and the best of each counts.
 */
export async function bench({ progress, peer }: BenchContext): Promise<BenchResult> {
  // Only to have it installed: it runs in its own process.
  await peer('soap')
  const module = createRequire(join(import.meta.dirname, '../package.json')).resolve('soap')
  const servers = { dure: await serve('dure'), npm_soap: await serve('npm', module) }
  try {
    const best: Record<string, Measured> = {}
    for (let round = 0; round < ROUNDS; round++)
      for (const [name, server] of Object.entries(servers)) {
        progress(`round ${round + 1} of ${ROUNDS}: ${name}`)
        const now = await measure(server)
        const before = best[name] ?? now
        best[name] = { perSecond: Math.max(now.perSecond, before.perSecond), cpu: Math.min(now.cpu, before.cpu) }
      }
    const [ours, theirs] = [best['dure']!, best['npm_soap']!]
    return {
      ratios: { vs_npm_soap: ours.perSecond / theirs.perSecond, cpu_vs_npm_soap: theirs.cpu / ours.cpu },
      figures: Object.fromEntries(
        Object.entries(best).flatMap(([name, { perSecond, cpu }]) => [
          [`${name}_per_second`, perSecond],
          [`${name}_cpu_us`, cpu],
        ]),
      ),
    }
  } finally {
    for (const { child } of Object.values(servers)) child.disconnect()
  }
}

type Server = { readonly child: ChildProcess; readonly port: number }

async function serve(...words: readonly string[]): Promise<Server> {
  const child = fork(join(import.meta.dirname, 'server.ts'), words, { execArgv: ['--conditions=dure-source'] })
  const [port] = (await once(child, 'message')) as [number]
  return { child, port }
}

/** Microseconds of its CPU so far. */
async function cpuOf({ child }: Server): Promise<number> {
  const told = once(child, 'message')
  child.send('cpu')
  return ((await told) as [number])[0]
}

async function measure(server: Server): Promise<Measured> {
  const used = await cpuOf(server)
  const begun = performance.now()
  const each = CALLS / IN_FLIGHT
  await Promise.all(Array.from({ length: IN_FLIGHT }, () => ask(server.port, each)))
  const ms = performance.now() - begun
  return { perSecond: (CALLS / ms) * 1_000, cpu: ((await cpuOf(server)) - used) / CALLS }
}

/** Asks so many times, one after the other, on a connection of its own. */
function ask(port: number, times: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => socket.write(request))
    let [text, left] = ['', times]
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (!/<\/\w+:Envelope>\s*(?:0\r\n\r\n)?$/.test(text)) return
      if (!text.startsWith('HTTP/1.1 200') || !text.includes('24')) return void reject(new Error(text.slice(0, 500)))
      text = ''
      if (--left > 0) return void socket.write(request)
      socket.destroy()
      resolve()
    })
  })
}
