import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Counted, effectsIn, messageOf, runtime, storeIn } from '../../consumer.test-support.ts'
import { caughtUp, until } from '../../numbered.conformance.ts'
import { connectTo, kill, run, startHost } from './processes.test-support.ts'

test(
  'the broker and its consumer killed and frozen in turn under load: every effect once and in order',
  { timeout: 120_000 },
  async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'dure-killed-'))
    const running = new Set<ChildProcess>()
    const broker = connectTo(directory, 60_000)
    let publishing = true
    t.after(async () => {
      publishing = false
      for (const child of running) await kill(child)
      await broker.stop()
      await rm(directory, { recursive: true, force: true })
    })
    let effects = 0
    const startBroker = async (): Promise<ChildProcess> => {
      const { child, ask } = startHost()
      running.add(child)
      await ask('open', directory)
      return child
    }
    const startConsumer = async (): Promise<ChildProcess> => {
      const child = run('counting', directory)
      running.add(child)
      child.on('message', (text) => {
        if (text === 'done') effects++
      })
      // Its first word; what the one before it had parked may be done before it is ready.
      await once(child, 'message')
      return child
    }
    /** Waits until things move again. */
    const more = async (count = 100): Promise<void> => {
      const goal = effects + count
      await until(() => effects >= goal)
    }

    let host = await startBroker()
    await broker.declareTopic('counted', { partitions: 4 })
    let consumer = await startConsumer()
    const keys = Array.from({ length: 12 }, (_, key) => `k${key}`)
    const published = new Map<string, number>()
    const load = keys.map(async (key) => {
      for (let n = 0; publishing; n++) {
        await broker.publish([messageOf(Counted, key, JSON.stringify({ key, n }))])
        published.set(key, n + 1)
        // Not faster than can be consumed while this machine does other things as well.
        await runtime.timers.sleep(5)
      }
    })

    await more()
    for (let round = 0; round < 2; round++) {
      await kill(host)
      host = await startBroker()
      await more()
      await kill(consumer)
      consumer = await startConsumer()
      await more()
    }
    for (const [child, ms] of [
      [consumer, 1_500],
      [host, 1_500],
    ] as const) {
      child.kill('SIGSTOP')
      // Longer than the lease, so that what was in hand is given to others and comes again.
      await runtime.timers.sleep(ms)
      child.kill('SIGCONT')
      await more()
    }
    publishing = false
    await Promise.all(load)
    await caughtUp(broker)
    const gone = once(consumer, 'exit')
    consumer.send('stop')
    await gone

    const store = await storeIn(directory)
    const found = await effectsIn(store)
    await store.stop()
    for (const key of keys) {
      assert.deepEqual(
        found.get(key),
        Array.from({ length: published.get(key)! }, (_, n) => n),
        `effects of "${key}"`,
      )
    }
  },
)
