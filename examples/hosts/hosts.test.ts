import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eurekaRegistry, startRegistry } from '@dure/registry'
import type { CallError } from 'dure/contract'
import { embeddedBroker } from 'dure/messaging'
import { start, type NetworkOptions, type Running } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { certificates } from './certificates.ts'
import hosts, { Mail, Orders, Stock } from './system.ts'

const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'needs server: openssl'

/** Parts with a data directory each, as on hosts of their own, and a registry for all. */
async function rig(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'dure-hosts-'))
  const log = silentLogger()
  const server = await startRegistry({ directory: join(folder, 'registry'), port: 0, log })
  const running: Running[] = []
  t.after(async () => {
    await Promise.all(running.map((one) => one.stop({ everything: true })))
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const system = {
    ...hosts,
    doors: [],
    broker: embeddedBroker({ durability: 'process' }),
    registry: eurekaRegistry({ url: server.url, grace: 0 }),
  }
  return {
    folder,
    run: async (network: NetworkOptions, ...part: readonly string[]): Promise<Running> => {
      const directory = join(folder, `host-${running.length}`)
      mkdirSync(directory)
      const one = await start(system, { directory, part, network, log, shutdownTimeout: 2_000 })
      running.push(one)
      return one
    },
  }
}

const until = async (condition: () => Promise<boolean>): Promise<void> => {
  while (!(await condition())) await sleep(20)
}

test(
  'with certificates both ends show theirs, and who has none that is trusted calls nobody',
  { skip, timeout: 120_000 },
  async (t) => {
    const { folder, run } = await rig(t)
    const tlsOf = (authority: string): NetworkOptions => {
      const at = join(folder, authority)
      mkdirSync(at)
      const place = certificates(at, ['127.0.0.1'])('127.0.0.1')
      const read = (name: string): Buffer => readFileSync(join(place, name))
      return { tls: { cert: read('tls.crt'), key: read('tls.key'), ca: read('ca.crt') } }
    }
    const [ours, theirs] = [tlsOf('ours'), tlsOf('theirs')]
    await run(ours, 'broker')
    await run(ours, 'stock')
    await run(ours, 'orders')
    await run(ours, 'mail')
    // A stranger finds all of them in the registry; what it needs of them it has itself, so that it can start.
    const caller = await run(ours, 'doors')
    assert.deepEqual(await caller.client(Orders).place({ orderId: 'a', pieces: 3 }), { left: 999_997 })
    await until(async () => (await caller.client(Mail).sent()).letters === 1)
    for (const network of [theirs, {}]) {
      const stranger = await run({ ...network, system: 'another' }, 'broker', 'doors')
      // Its connection is ended before or after it has sent the call on it, and it tries again until its time is over.
      await assert.rejects(
        stranger.client(Stock).left(undefined, { timeout: 2_000 }),
        ({ code }: CallError) => code === 'UNAVAILABLE' || code === 'DEADLINE_EXCEEDED',
      )
    }
    assert.deepEqual(await caller.client(Stock).left(), { left: 999_997 })
  },
)
