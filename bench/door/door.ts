import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getHeapStatistics } from 'node:v8'
import { command, contract } from 'dure/contract'
import {
  admit,
  Cancellation,
  DOOR_LIMITS,
  openState,
  operationDoor,
  servedOperations,
  steeringOf,
  traceRequest,
} from 'dure/door/internal'
import { service, start, system, type Door, type DoorHost, type World } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import type { BenchContext, BenchResult } from '../bench.ts'
import { order, place } from '../call/work.ts'

export const peers = false

const ROUNDS = Number(process.env['DURE_BENCH_ROUNDS'] ?? 7)
const CALLS = Number(process.env['DURE_BENCH_REQUESTS'] ?? 100_000)
/** Calls under way at once. */
const AT_ONCE = 16

const Line = z.object({ productId: z.int(), quantity: z.int(), unitPrice: z.number() })
const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'bench',
  operations: {
    place: command({
      input: z.object({ orderId: z.string(), customerId: z.int(), lines: z.array(Line) }),
      output: z.object({ orderId: z.string(), total: z.number() }),
    }),
  },
})

type Call = (done: () => void) => void
type Cost = { readonly us: number; readonly bytes: number }

/**
 * What a call costs between what a protocol has read and what it is to write, with no socket and no codec: steering, correlation, trace, admission, deadline,
 * validation both ways, metrics; of that, the call by the door's host alone; and the bare handler. CPU and allocations of a call; rounds are interleaved, and
 * the best of each counts.
 */
export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-door-'))
  let opened: { readonly host: DoorHost; readonly world: World } | undefined
  const door: Door = {
    name: 'bench',
    open: async (host, world) => {
      opened = { host, world }
      return { url: undefined, close: async () => {} }
    },
  }
  const orders = service(Orders, { handlers: { place } })
  const running = await start(system('bench', { services: [orders], doors: [door], security: 'off' }), {
    directory,
    log: silentLogger(),
  })
  try {
    const calls: Readonly<Record<string, Call>> = { ...callsAt(opened!), handler: (done) => void place(order).then(done) }
    const best: Record<string, Cost> = {}
    for (let round = 0; round < ROUNDS; round++)
      for (const [name, call] of Object.entries(calls)) {
        progress(`round ${round + 1} of ${ROUNDS}: ${name}`)
        const now = await costOf(call)
        const before = best[name] ?? now
        best[name] = { us: Math.min(now.us, before.us), bytes: Math.min(now.bytes, before.bytes) }
      }
    return {
      ratios: {},
      figures: Object.fromEntries(
        Object.entries(best).flatMap(([name, { us, bytes }]) => [
          [`${name}_cpu_us`, us],
          [`${name}_bytes`, bytes],
        ]),
      ),
    }
  } finally {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function callsAt({ host, world }: { readonly host: DoorHost; readonly world: World }): {
  readonly door: Call
  readonly host: Call
} {
  const state = openState({ door: 'bench', limits: DOOR_LIMITS, world, host })
  const [served] = servedOperations(host, [Orders])
  const { take } = operationDoor(served!, state, 'place')
  const header = (): undefined => undefined
  const { ids } = world.runtime
  const signal = new AbortController().signal
  return {
    door: (done) => {
      const correlationId = ids.next()
      const trace = traceRequest(state, { name: 'place', traceparent: undefined, tracestate: undefined, attributes: {} })
      const steering = steeringOf(header, state.limits.deadline)
      if (admit(state) !== undefined) throw new Error('There is no room')
      const over = (failed: unknown): void => {
        state.calls--
        trace.end(failed)
        done()
      }
      const read = () => ({ ok: true, input: order }) as const
      take(
        { correlationId, steering, trace, header, read, gone: new Cancellation() },
        { succeed: () => over(undefined), send: () => {}, fail: over },
      )
    },
    host: (done) => void host.call('orders', 'place', order, { signal }).then(done, done),
  }
}

async function costOf(call: Call): Promise<Cost> {
  const run = (times: number): Promise<void> =>
    new Promise((resolve) => {
      let [left, open] = [times, AT_ONCE]
      const next = (): void => {
        if (left-- > 0) call(next)
        else if (--open === 0) resolve()
      }
      for (let n = 0; n < AT_ONCE; n++) next()
    })
  await run(CALLS / 10)
  const allocated = getHeapStatistics().total_allocated_bytes
  const used = process.cpuUsage()
  await run(CALLS)
  const { user, system: kernel } = process.cpuUsage(used)
  return { us: (user + kernel) / CALLS, bytes: (getHeapStatistics().total_allocated_bytes - allocated) / CALLS }
}
