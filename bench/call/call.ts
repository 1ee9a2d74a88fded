import { service, start, system } from 'dure/service'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchContext, BenchResult } from '../bench.ts'
import { moleculerFeatures, moleculerParams, Orders, traceparent } from './order.ts'
import { order, place, watch } from './work.ts'
import { benchRemote } from './remote.ts'

/**
 * A typed call inside one process, with everything on that production needs: input and output validated,
 * both sides isolated, deadline, trace context, cancellation, metrics. Beside it the bare async function with
 * the same body, and Moleculer's local call with the same features (validator, timeout, metrics, tracing at 1 %).
 * Then the same call between two processes (see `remote.ts`).
 */
export async function bench(context: BenchContext): Promise<BenchResult> {
  const local = await benchLocal(context)
  const remote = await benchRemote(context)
  return { ratios: { ...local.ratios, ...remote.ratios }, figures: { ...local.figures, ...remote.figures } }
}

async function benchLocal({ progress, peer }: BenchContext): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-call-'))
  const dure = await dureCall(directory)
  const moleculer = await moleculerCall(peer)
  try {
    const contenders: Record<string, () => Promise<unknown>> = {
      bare: () => place(order),
      dure: dure.call,
      moleculer: moleculer.isolated,
      moleculer_shared: moleculer.call,
    }
    const best: Record<string, number> = {}
    // Rounds are interleaved, and the best of each counts: other work on the machine only ever slows down.
    for (let round = 0; round < 7; round++) {
      for (const [name, call] of Object.entries(contenders)) {
        progress(`round ${round + 1} of 7: ${name}`)
        const ns = await nanoseconds(call, name.startsWith('moleculer') ? 30_000 : 300_000)
        best[name] = Math.min(best[name] ?? Number.POSITIVE_INFINITY, ns)
      }
    }
    const {
      bare,
      dure: ours,
      moleculer: theirs,
      moleculer_shared: shared,
    } = best as Record<'bare' | 'dure' | 'moleculer' | 'moleculer_shared', number>
    return {
      ratios: { local_over_bare: ours / bare, local_vs_moleculer: theirs / ours },
      figures: { bare_ns: bare, dure_ns: ours, moleculer_ns: theirs, moleculer_without_isolation_ns: shared },
    }
  } finally {
    await dure.stop()
    await moleculer.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

type Contender = { readonly call: () => Promise<unknown>; readonly stop: () => Promise<void> }

async function dureCall(directory: string): Promise<Contender> {
  const running = await start(system('bench', { services: [service(Orders, { handlers: { place, watch } })] }), { directory })
  const client = running.client(Orders)
  return { call: () => client.place(order, { traceparent }), stop: running.stop }
}

async function moleculerCall(peer: BenchContext['peer']): Promise<Contender & { readonly isolated: Contender['call'] }> {
  const { ServiceBroker } = (await peer('moleculer')) as { ServiceBroker: new (options: object) => MoleculerBroker }
  const broker = new ServiceBroker({
    logger: false,
    validator: true,
    requestTimeout: 5_000,
    ...moleculerFeatures,
  })
  broker.createService({
    name: 'orders',
    actions: {
      place: {
        params: moleculerParams,
        handler: ({ params }: { params: typeof order }) => place(params),
      },
    },
  })
  await broker.start()
  // Moleculer hands the caller's own object to the callee; a copy each way is the isolation ours has.
  return {
    isolated: async () => structuredClone(await broker.call('orders.place', structuredClone(order))),
    call: () => broker.call('orders.place', order),
    stop: () => broker.stop(),
  }
}

type MoleculerBroker = {
  readonly createService: (schema: object) => unknown
  readonly start: () => Promise<void>
  readonly stop: () => Promise<void>
  readonly call: (action: string, params: unknown) => Promise<unknown>
}

async function nanoseconds(call: () => Promise<unknown>, times: number): Promise<number> {
  for (let i = 0; i < times / 10; i++) await call()
  const started = process.hrtime.bigint()
  for (let i = 0; i < times; i++) await call()
  return Number(process.hrtime.bigint() - started) / times
}
