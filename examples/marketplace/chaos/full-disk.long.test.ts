import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { missingServer, missingSmallDisk, mountSmallDisk, startLocalServer } from '@dure/testing/servers'
import { CallError, type Message } from 'dure/contract'
import { realRuntime } from 'dure/runtime'
import { createLogger } from 'dure/telemetry'
import { addressOf, brokerOf, KINDS } from '../brokers.ts'
import { settingsOf } from './broker.ts'

const DISK = 256 * 1024 ** 2
const KEYS = 5
/** Enough to meet the end of any disk: the first of them find room in files that ActiveMQ has made beforehand, of 32 MB. */
const MOST = 2_000

function message(number: number): Message {
  const [id, key] = [`m${String(number).padStart(5, '0')}`, `k${number % KEYS}`]
  const data = JSON.stringify({ number, filling: 'x'.repeat(40_000) })
  const none = { causationId: undefined, traceparent: undefined }
  return { id, key, data, source: 'test', type: 'full.disk', time: 1, schemaVersion: 1, correlationId: 'c', ...none }
}

describe('a broker whose disk is full', { concurrency: true, timeout: 300_000 }, () => {
  for (const kind of KINDS) {
    const skip = missingServer(kind) || missingSmallDisk()
    test(
      `${kind}: says so to who publishes, who can go on when there is room, and has what it acknowledged`,
      { skip },
      async (t) => {
        const runtime = realRuntime()
        const log = createLogger({ clock: runtime.clock, level: 'error', write: () => {} })
        const disk = await mountSmallDisk({ bytes: DISK })
        t.after(disk.close)
        const server = await startLocalServer(kind, { directory: disk.directory, settings: settingsOf(kind) })
        t.after(server.close)
        const adapter = await brokerOf(
          { broker: addressOf(kind, server.ports), durability: 'power', replicas: undefined },
          undefined,
        )
        const broker = await adapter({ runtime, log, directory: disk.directory })
        t.after(() => broker.stop())
        await broker.declareTopic('full.disk', { partitions: 4 })
        // What nobody is there for, some do not keep.
        await broker.declareGroup({ group: 'full', topics: ['full.disk'] })

        const acknowledged: string[] = []
        const publish = async (number: number): Promise<void> => {
          const one = message(number)
          await broker.publish([one])
          acknowledged.push(one.id)
        }
        let next = 0
        while (next < 50) await publish(next++)
        disk.fill()
        const refusal = await (async () => {
          for (; next < MOST; next++) await publish(next)
        })().then(
          () => undefined,
          (error: unknown) => error,
        )
        assert.ok(refusal instanceof CallError, `${next} were taken, and then ${String(refusal)}`)
        assert.match(refusal.code, /^(UNAVAILABLE|RESOURCE_EXHAUSTED)$/)
        assert.match(refusal.message, /^(Cannot publish|Publishing)\b.*[;:] .+/)
        // It answers nothing at all.
        if (kind === 'nats') assert.match(refusal.message, /look .* at its log: once its disk was full/)

        disk.free()
        await server.stop()
        await server.start()
        for (const end = next + 50; next < end;) {
          // Its connections come back when they do.
          await publish(next).then(
            () => next++,
            () => runtime.timers.sleep(50),
          )
        }
        const seen: string[] = []
        const subscription = await broker.subscribe({
          group: 'full',
          topics: ['full.disk'],
          deliver: async (batch) => void seen.push(...batch.map((one) => `${one.message.key} ${one.message.id}`)),
        })
        t.after(() => subscription.stop())
        while (acknowledged.some((id) => !seen.some((one) => one.endsWith(` ${id}`)))) await runtime.timers.sleep(20)
        // What was refused may be there all the same, before what came in its place.
        for (const [key, all] of Map.groupBy(new Set(seen), (one) => one.split(' ', 1)[0]!))
          assert.deepEqual(all, all.toSorted(), `of key ${key}`)
      },
    )
  }
})
