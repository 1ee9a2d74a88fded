import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { test, type TestContext } from 'node:test'
import { CallError } from '../../contract/contract.ts'
import type { Address } from '../../discovery/discovery.ts'
import { realRuntime } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { socketPeers } from '../socket/socket.ts'
import type { RemotePolicy } from './policy.ts'
import { createRemoteTransport } from './remote.ts'
import { fakeRegistry, instanceAt } from './remote.test-support.ts'

const script = fileURLToPath(new URL('replica.test-support.ts', import.meta.url))

async function startReplica(name: string, takes = 1) {
  const child = spawn(process.execPath, ['--conditions=dure-source', script, name, String(takes)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })
  const [line] = (await once(lines, 'line')) as [string]
  return { name, child, exited, address: JSON.parse(line) as Address }
}

/** Three replicas, and a caller of them with many calls in hand. */
async function rig(context: TestContext, policy: Partial<RemotePolicy> = {}, takes: Readonly<Record<string, number>> = {}) {
  const runtime = realRuntime()
  const log = silentLogger()
  const replicas = await Promise.all(['a', 'b', 'c'].map((name) => startReplica(name, takes[name])))
  const registry = fakeRegistry()
  for (const { name, address } of replicas) registry.put(instanceAt({ service: 'orders', id: name, address }))
  // The connection's own heartbeat is slow here: what is seen is the work of the balancer.
  const connect = socketPeers({ runtime, log, limits: { heartbeat: 60_000 } })
  const transport = createRemoteTransport({ registry, connect, runtime, log, policy })
  context.after(async () => {
    for (const { child } of replicas) child.kill('SIGKILL')
    await Promise.all(replicas.map(({ exited }) => exited))
    await transport.stop()
  })

  const call = async (timeout: number, repeatable: boolean): Promise<string> => {
    const sentAt = runtime.clock.monotonic()
    try {
      const value = await transport.route({ service: 'orders', operation: 'find', repeatable }).call(undefined, {
        sentAt,
        deadline: sentAt + timeout,
        cancellation: undefined,
        correlationId: 'c',
        causationId: undefined,
        traceparent: undefined,
        caller: undefined,
        idempotencyKey: undefined,
        principal: undefined,
        metadata: undefined,
      })
      return String(value)
    } catch (error) {
      return error instanceof CallError ? error.code : String(error)
    }
  }
  /** Calls by so many callers until `enough` says so; every one has ended when it resolves. Gives how often each answer came. */
  const load = async (options: {
    timeout: number
    repeatable: boolean
    callers?: number
    enough: (seen: Record<string, number>) => boolean
  }) => {
    const seen: Record<string, number> = { a: 0, b: 0, c: 0, failed: 0 }
    const caller = async (): Promise<void> => {
      while (!options.enough(seen)) {
        const answer = await call(options.timeout, options.repeatable)
        seen[answer] = (seen[answer] ?? 0) + 1
        if (!/^[abc]$/.test(answer)) seen['failed']!++
      }
    }
    await Promise.all(Array.from({ length: options.callers ?? 16 }, caller))
    return seen
  }
  const health = (name: string) => transport.status().services[0]!.instances.find(({ id }) => id === name)!.health
  return { replicas, registry, transport, load, health }
}

test('one of three replicas is frozen: every call ends, the others go on, and it comes back', async (context) => {
  const { replicas, load, health } = await rig(context, { ejection: { stalls: 3, first: 200, max: 1_000 } })
  const timeout = 600
  const all = (seen: Record<string, number>): boolean => Math.min(seen['a']!, seen['b']!, seen['c']!) >= 20
  await load({ timeout: 20_000, repeatable: true, enough: all })

  replicas[0]!.child.kill('SIGSTOP')
  const falling = await load({ timeout, repeatable: true, enough: () => health('a') !== 'in' })
  assert.ok(falling['failed']! <= 32, 'callers are held up once, or twice at the worst moment')
  const frozen = await load({ timeout, repeatable: true, enough: (seen) => seen['b']! + seen['c']! >= 400 })
  assert.ok(frozen['failed']! <= 40, `only probes fail now, but ${frozen['failed']} calls did`)
  for (const seen of [falling, frozen]) assert.equal(seen['failed'], seen['DEADLINE_EXCEEDED'] ?? 0)

  replicas[0]!.child.kill('SIGCONT')
  await load({ timeout, repeatable: true, enough: all })
  assert.equal(health('a'), 'in')
})

test('one of three replicas is killed: what may be repeated is answered by the others', async (context) => {
  const { replicas, load } = await rig(context)
  const some = (count: number) => (seen: Record<string, number>) => seen['b']! + seen['c']! >= count
  await load({ timeout: 20_000, repeatable: true, enough: some(20) })
  const through = load({ timeout: 20_000, repeatable: true, enough: some(500) })
  replicas[0]!.child.kill('SIGKILL')
  assert.equal((await through)['failed'], 0)
})

test('one of three replicas drains: nothing fails, not even what must not happen twice', async (context) => {
  const { replicas, load, registry, transport } = await rig(context)
  const some = (count: number) => (seen: Record<string, number>) => seen['b']! + seen['c']! >= count
  await load({ timeout: 20_000, repeatable: false, enough: some(20) })
  let gone = false
  void replicas[0]!.exited.then(() => {
    gone = true
    registry.remove('a')
  })
  replicas[0]!.child.stdin.write('drain\n')
  const seen = await load({ timeout: 20_000, repeatable: false, enough: (now) => gone && some(500)(now) })
  assert.equal(seen['failed'], 0, JSON.stringify(seen))
  assert.equal(transport.status().services[0]!.instances.length, 2)
})

test('one of three replicas is slow: by latency it gets few of the calls of one caller, by calls in hand its third', async (context) => {
  const sum = (seen: Record<string, number>): number => seen['a']! + seen['b']! + seen['c']!
  const count = async (policy: Partial<RemotePolicy>): Promise<number> => {
    const { load } = await rig(context, policy, { a: 150 })
    const one = { timeout: 20_000, repeatable: true, callers: 1 }
    await load({ ...one, enough: (seen) => Math.min(seen['a']!, seen['b']!, seen['c']!) > 0 })
    return (await load({ ...one, enough: (seen) => sum(seen) >= 60 }))['a']!
  }
  const [byLatency, byCalls] = [await count({ balance: { by: 'peakEwma', decay: 300 } }), await count({})]
  assert.ok(byLatency <= 8 && byCalls >= 9, `${byLatency} by latency, ${byCalls} by calls in hand`)
})
