import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from 'dure/contract'
import { DURE } from 'dure/discovery/internal'
import { createRemoteTransport, socketPeers } from 'dure/call/internal'
import { seededRandom } from 'dure/runtime'
import { createEngine, createProcess, createTrace, type Process } from '../kernel/kernel.ts'
import { createNetwork, createRegistryHub } from './network.ts'

const ZONE_OF: Readonly<Record<string, string>> = { a1: 'a', b1: 'b', b2: 'b', b3: 'b', 'shop-a': 'a', 'shop-b': 'b' }
const COPIES = ['a1', 'b1', 'b2', 'b3']
const SHOPS = ['shop-a', 'shop-b']
/** Milliseconds: a call every so often, how long it may take, when the zones cannot hear each other, and the end. */
const TIMES = { every: 50, deadline: 400, cut: 5_000, healed: 12_000, end: 24_000 }

type Call = { readonly by: string; readonly at: number; readonly ended: number; readonly to: string }

/** Two zones, a small one that cannot carry its callers and a large one, and a cut between them for a while. */
async function run(seed: number): Promise<readonly Call[]> {
  const engine = createEngine()
  const trace = createTrace({ record: false })
  const random = seededRandom(seed)
  const isCut = (from: Process, to: Process): boolean =>
    ZONE_OF[from.name] !== ZONE_OF[to.name] && engine.now() >= TIMES.cut && engine.now() < TIMES.healed
  const at = (time: number, owner: Process, task: () => void): void => void engine.at(time, owner, task)
  const network = createNetwork({
    ...{ now: engine.now, at, latency: () => 0.2 + random.number() * 3, fate: () => 'arrives', sometimes: () => {} },
    cutUntil: (from, to) => (isCut(from, to) ? TIMES.healed : -1),
    point: () => false,
  })
  // The registry is heard of wherever one is.
  const later = (delay: number, task: () => void): void => void engine.at(engine.now() + delay, undefined, task)
  const hub = createRegistryHub({ now: engine.now, at, later, news: () => random.number() * 20 })
  const processes = Object.keys(ZONE_OF).map((name) =>
    createProcess({
      name,
      life: 1,
      seed: seed * 31 + name.charCodeAt(name.length - 1),
      engine,
      trace,
      speaks: false,
      dies: () => false,
    }),
  )
  const calls: Call[] = []
  let open = SHOPS.length

  const begin = async (process: Process): Promise<void> => {
    const { name, runtime, log } = process
    const { clock, timers } = runtime
    const registry = hub.open(process)
    const service = COPIES.includes(name) ? 'orders' : 'shop'
    const listener = await network.listen(process, name, {
      has: () => true,
      route: () => ({ call: async () => name, stream: (): AsyncIterable<unknown> => assert.fail('nobody asks for a stream') }),
    })
    const metadata = { zone: ZONE_OF[name]! }
    await registry.register({
      service,
      id: name,
      version: '1.0.0',
      status: 'up',
      endpoints: { [DURE]: listener.address },
      metadata,
    })
    if (service === 'orders') return
    const remote = createRemoteTransport({
      ...{ registry, runtime, log, connect: socketPeers({ runtime, log, dial: network.dial(process) }) },
      // All of the large zone may be out at once.
      policy: { balance: { zoneFirst: { overload: 1 } }, ejection: { share: 0.8, stalls: 2 } },
      here: { zone: ZONE_OF[name], callersOf: () => ['shop'] },
    })
    const route = remote.route({ service: 'orders', operation: 'find', repeatable: true })
    const one = async (): Promise<void> => {
      const sentAt = clock.monotonic()
      const to = await route
        .call('in', {
          ...{ sentAt, deadline: sentAt + TIMES.deadline, cancellation: undefined, correlationId: 'c', causationId: undefined },
          ...{ traceparent: undefined, caller: 'shop', idempotencyKey: undefined, principal: undefined, metadata: undefined },
        })
        .catch((error: unknown) => (error instanceof CallError ? error.code : String(error)))
      calls.push({ by: name, at: sentAt, ended: clock.monotonic(), to: String(to) })
    }
    await timers.sleep(500)
    const all: Promise<void>[] = []
    while (clock.monotonic() < TIMES.end) {
      all.push(one())
      await timers.sleep(TIMES.every)
    }
    await Promise.all(all)
    await remote.stop()
    open--
  }
  const begun = Promise.all(processes.map(begin))
  begun.catch(() => {})
  await engine.run({ done: () => open === 0, until: TIMES.end + 60_000, most: 10_000_000 })
  await begun
  return calls
}

const between =
  (from: number, to: number) =>
  ({ at }: Call) =>
    at >= from && at < to
const part = (calls: readonly Call[], to: string): number => calls.filter((call) => call.to === to).length / calls.length
/** Milliseconds in which callers find out. */
const FOUND = 2_500

test(
  'two zones of which one cannot carry its callers, cut from each other and healed: 30 seeds',
  { timeout: 240_000 },
  async () => {
    let failed = 0
    for (let seed = 1; seed <= 30; seed++) {
      const calls = await run(seed)
      const of = (by: string): readonly Call[] => calls.filter((call) => call.by === by)
      const told = (what: string): string => `seed ${seed}: ${what}`
      for (const { at, ended, to } of calls)
        assert.ok(ended - at <= TIMES.deadline + 25, told(`a call took ${ended - at} ms to ${to}`))

      // The large zone carries its own callers, whatever happens.
      assert.ok(
        of('shop-b').every(({ to }) => to.startsWith('b')),
        told('a call left the zone that can carry it'),
      )

      // While all is well nobody has more than its part, and the small zone is used first.
      const before = of('shop-a').filter(between(1_000, TIMES.cut - TIMES.deadline))
      assert.ok(Math.abs(part(before, 'a1') - 0.5) < 0.2, told(`${part(before, 'a1')} in the own zone`))
      assert.ok(
        before.every(({ to }) => COPIES.includes(to)),
        told('a call failed while all was well'),
      )

      // Cut off, callers of the small zone find out, and are answered by their own.
      const cut = of('shop-a').filter(between(TIMES.cut - TIMES.deadline, TIMES.healed))
      const lost = cut.filter(({ to }) => !COPIES.includes(to))
      failed += lost.length
      assert.ok(lost.length < cut.length / 4, told(`${lost.length} of ${cut.length} calls failed`))
      const late = of('shop-a').filter(between(TIMES.cut + FOUND, TIMES.healed))
      // Only probes go over, one at a time.
      assert.ok(part(late, 'a1') > 0.9, told(`${part(late, 'a1')} of the calls were answered once it was known`))

      // Healed, all is as it was before.
      const after = of('shop-a').filter(between(TIMES.healed + 8_000, TIMES.end))
      assert.ok(
        after.every(({ to }) => COPIES.includes(to)),
        told('a call failed after the end of it'),
      )
      assert.ok(Math.abs(part(after, 'a1') - 0.5) < 0.25, told(`${part(after, 'a1')} in the own zone afterwards`))
    }
    assert.ok(failed > 30, 'the cut was felt')
  },
)
