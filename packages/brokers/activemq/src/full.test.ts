import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { missingServer, serverPlaces } from '@dure/testing/servers'
import { CallError, type Message } from 'dure/contract'
import { brokerFor, messageOf, refused, serverFor, until } from './broker.test-support.ts'
import { activeMqBroker } from './activemq.ts'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'

const how = (kind: 'activemq' | 'artemis') => ({ timeout: 120_000, skip: missingServer(kind) })
const runtime = realRuntime()

/** ActiveMQ Classic, set up in another way than the servers of tests are. @returns its url */
async function classic(t: TestContext, way: 'plain' | 'small'): Promise<string> {
  const program = fileURLToPath(new URL('ClassicApart.java', import.meta.url))
  const directory = mkdtempSync(join(tmpdir(), 'dure-activemq-'))
  const child = spawn('java', ['-Xmx128m', '-cp', join(serverPlaces().activemq.folder, '*'), program, way, directory], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  t.after(async () => {
    const ended = once(child, 'close')
    child.stdin.end()
    await ended
    rmSync(directory, { recursive: true, force: true })
  })
  for await (const line of createInterface(child.stdout)) {
    const port = /^READY (\d+)$/.exec(line)?.[1]
    if (port !== undefined) return `amqp://127.0.0.1:${port}`
  }
  throw new Error('ActiveMQ did not start')
}

test('activemq: one that does not say what its queues hold is refused, with what to do', how('activemq'), async (t) => {
  const url = await classic(t, 'plain')
  const open = () => activeMqBroker({ url, timeout: 3_000 })({ runtime, log: silentLogger() })
  await refused(open, 'FAILED_PRECONDITION', /does not say what its queues hold; add <statisticsBrokerPlugin\/> to the <plugins>/)
})

const SMALL = { 'addressSettings.#.maxSizeBytes': 1024 * 1024 }
const SERVERS = {
  'activemq, which holds up who publishes': (t: TestContext) => classic(t, 'small'),
  'artemis, which holds up who publishes': async (t: TestContext) =>
    (await serverFor(t, 'artemis', { settings: { ...SMALL, 'addressSettings.#.addressFullMessagePolicy': 'BLOCK' } })).url,
  'artemis, which refuses': async (t: TestContext) =>
    (await serverFor(t, 'artemis', { settings: { ...SMALL, 'addressSettings.#.addressFullMessagePolicy': 'FAIL' } })).url,
}

for (const [name, start] of Object.entries(SERVERS))
  test(
    `${name}: full, it says so, and goes on when somebody has read; nothing is lost`,
    how(name.startsWith('activemq') ? 'activemq' : 'artemis'),
    async (t) => {
      const broker = await brokerFor(t, { url: await start(t), timeout: 2_000 })
      await broker.declareTopic('orders', { partitions: 1 })
      await broker.declareGroup({ group: 'g', topics: ['orders'] })
      const acknowledged: string[] = []
      const publish = async (n: number): Promise<void> => {
        const one: Message = { ...messageOf('orders', 'a', n), data: JSON.stringify({ n, filling: 'x'.repeat(10_000) }) }
        await broker.publish([one])
        acknowledged.push(one.id)
      }
      const came: Message[] = []
      const room = Promise.withResolvers<void>()
      await broker.subscribe({
        group: 'g',
        topics: ['orders'],
        deliver: async (batch) => {
          await room.promise
          came.push(...batch.map(({ message }) => message))
        },
      })
      let full: unknown
      let n = 0
      for (; full === undefined && n < 5_000; n++) await publish(n).catch((error: unknown) => void (full = error))
      assert.ok(full instanceof CallError, `${acknowledged.length} were taken`)
      assert.match(full.code, /^(RESOURCE_EXHAUSTED|UNAVAILABLE)$/)
      assert.match(
        full.message,
        /^Cannot publish: .*(it is full, and has not taken that; make room|whether it took that is not known)/,
      )
      room.resolve()
      for (const end = n + 20; n < end;) {
        await publish(n).then(
          () => n++,
          () => runtime.timers.sleep(50),
        )
      }
      await until(() => acknowledged.every((id) => came.some((one) => one.id === id)))
      const order = came.filter(({ id }, at) => acknowledged.includes(id) && came.findIndex((one) => one.id === id) === at)
      assert.deepEqual(
        order.map(({ id }) => id),
        acknowledged,
      )
    },
  )
