import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command, contract } from 'dure/contract'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { httpService } from '@dure/rest'
import { z } from 'zod'
import type { BenchContext, BenchResult } from '../bench.ts'
import { order } from '../call/work.ts'

/** What it is compared with, undici and Node's fetch, is here without an install. */
export const peers = false

const Placed = z.object({ orderId: z.string(), total: z.number() })
const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'bench',
  operations: {
    place: command({
      input: z.object({ orderId: z.string(), customerId: z.int(), lines: z.array(z.record(z.string(), z.number())) }),
      output: Placed,
      http: 'POST /orders',
    }),
  },
})
const Desk = contract('desk', { version: '1.0.0', owner: 'bench', operations: {} })

type Contender = { readonly call: () => Promise<unknown>; readonly stop: () => Promise<unknown> | void }
type Measured = { readonly perSecond: number; readonly cpu: number; readonly alone: number }

/** Calls under way at once, of a round, and one after the other. */
const [IN_FLIGHT, CALLS, ALONE] = [64, 20_000, 2_000]
const ROUNDS = Number(process.env['DURE_BENCH_ROUNDS'] ?? 5)
const DEADLINE = 5_000

/**
 * Calls of a service of others over HTTP: by its contract, with deadline, retries, balancing, policies, trace, metrics, and an answer
 * held to its schema; by undici, and by undici with what somebody has to write at least (a deadline, the schema); and by Node's fetch. The server is
 * a process of its own that does next to nothing. Rounds are interleaved, and the best of each counts.
 */
export async function bench({ progress, peer }: BenchContext): Promise<BenchResult> {
  const server = fork(join(import.meta.dirname, 'server.ts'), { execArgv: ['--conditions=dure-source'] })
  const [port] = (await once(server, 'message')) as [number]
  const url = `http://127.0.0.1:${port}`
  const contenders: Readonly<Record<string, Contender>> = { dure: await ours(url), ...(await theirs(url, peer)) }
  try {
    const best: Record<string, Measured> = {}
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, contender] of Object.entries(contenders)) {
        progress(`round ${round + 1} of ${ROUNDS}: ${name}`)
        const now = await measure(contender.call)
        const before = best[name] ?? now
        best[name] = {
          perSecond: Math.max(now.perSecond, before.perSecond),
          cpu: Math.min(now.cpu, before.cpu),
          alone: Math.min(now.alone, before.alone),
        }
      }
    }
    return resultOf(best)
  } finally {
    for (const { stop } of Object.values(contenders)) await stop()
    server.disconnect()
  }
}

function resultOf(best: Readonly<Record<string, Measured>>): BenchResult {
  const ours = best['dure']!
  const others = Object.entries(best).filter(([name]) => name !== 'dure')
  return {
    ratios: Object.fromEntries(
      others.flatMap(([name, { perSecond, cpu }]) => [
        [`vs_${name}`, ours.perSecond / perSecond],
        [`cpu_vs_${name}`, cpu / ours.cpu],
      ]),
    ),
    figures: Object.fromEntries(
      Object.entries(best).flatMap(([name, { perSecond, cpu, alone }]) => [
        [`${name}_per_second`, perSecond],
        [`${name}_cpu_us`, cpu],
        [`${name}_alone_us`, alone],
      ]),
    ),
  }
}

async function measure(call: () => Promise<unknown>): Promise<Measured> {
  for (let n = 0; n < ALONE / 2; n++) await call()
  const alone = performance.now()
  for (let n = 0; n < ALONE; n++) await call()
  const one = ((performance.now() - alone) * 1_000) / ALONE
  let left = CALLS
  const caller = async (): Promise<void> => {
    while (left-- > 0) await call()
  }
  const [begun, used] = [performance.now(), process.cpuUsage()]
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller))
  const { user, system: kernel } = process.cpuUsage(used)
  return { perSecond: (CALLS / (performance.now() - begun)) * 1_000, cpu: (user + kernel) / CALLS, alone: one }
}

async function ours(url: string): Promise<Contender> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-http-'))
  const desk = service(Desk, { handlers: {} })
  const made = system('bench', { services: [desk], external: [httpService(Orders, { url })] })
  const running = await start(made, { directory, log: silentLogger() })
  const client = running.client(Orders)
  return {
    call: () => client.place(order),
    stop: async () => {
      await running.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function theirs(url: string, peer: BenchContext['peer']): Promise<Readonly<Record<string, Contender>>> {
  const { Pool } = (await peer('undici')) as Undici
  const headers = { 'content-type': 'application/json' }
  const poolOf = () => new Pool(url, { connections: 128, pipelining: 1 })
  const [plain, guarded] = [poolOf(), poolOf()]
  const asked = { path: '/orders', method: 'POST', headers } as const
  return {
    undici: {
      call: async () => (await plain.request({ ...asked, body: JSON.stringify(order) })).body.json(),
      stop: () => plain.close(),
    },
    undici_guarded: {
      call: async () => {
        const signal = AbortSignal.timeout(DEADLINE)
        return Placed.parse(await (await guarded.request({ ...asked, body: JSON.stringify(order), signal })).body.json())
      },
      stop: () => guarded.close(),
    },
    fetch: {
      call: async () => (await fetch(`${url}/orders`, { method: 'POST', headers, body: JSON.stringify(order) })).json(),
      stop: () => {},
    },
  }
}

type Undici = {
  readonly Pool: new (
    url: string,
    options: object,
  ) => {
    request(options: object): Promise<{ readonly body: { json(): Promise<unknown> } }>
    close(): Promise<void>
  }
}
