import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Message } from '../../contract/contract.ts'
import { virtualRuntime } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import type { Broker } from '../broker.ts'
import { embeddedBroker } from './embedded.ts'

const DAY = 86_400_000

/** A broker under virtual time, whose wall clock can be set. */
async function inWorld(work: (world: Awaited<ReturnType<typeof makeWorld>>) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'dure-clock-'))
  const world = await makeWorld(directory)
  try {
    await work(world)
  } finally {
    await world.during(world.broker.stop())
    await rm(directory, { recursive: true, force: true })
  }
}

async function makeWorld(directory: string) {
  const runtime = virtualRuntime()
  /** Virtual time moves only when it is told to, so whatever waits for a commit needs it to. */
  const during = async <T>(work: Promise<T>): Promise<T> => {
    let over = false
    const end = work.finally(() => void (over = true))
    end.catch(() => {})
    while (!over) await runtime.advance(0)
    return end
  }
  const open = (): Promise<Broker> =>
    during(embeddedBroker({ sweep: 60_000, durability: 'process' })({ directory, runtime, log: silentLogger() }))
  const message = (type: string, n: number): Message => ({
    id: runtime.ids.next(),
    source: 'test',
    type,
    key: '',
    time: runtime.clock.now(),
    schemaVersion: 1,
    correlationId: 'c',
    causationId: undefined,
    traceparent: undefined,
    data: String(n),
  })
  const world = {
    runtime,
    during,
    message,
    broker: await open(),
    restart: async () => {
      await during(world.broker.stop())
      world.broker = await open()
    },
  }
  return world
}

test('a backlog is worked off while the clock is an hour back, and what is sent then does not wait until it is right', async () => {
  await inWorld(async ({ runtime, during, message, broker }) => {
    const done: number[] = []
    await during(broker.send(Array.from({ length: 20 }, (_, n) => message('work', n))))
    runtime.jump(-3_600_000)
    const handle = async ({ data }: Message): Promise<void> => {
      await runtime.timers.sleep(100)
      done.push(Number(data))
    }
    await during(broker.receive({ queue: 'work', concurrency: 2, handle }))
    await during(broker.send(Array.from({ length: 20 }, (_, n) => message('work', 20 + n))))
    await runtime.advance(1_000)
    runtime.jump(3_600_000)
    await runtime.advance(1_200)
    assert.deepEqual(
      done,
      Array.from({ length: 40 }, (_, n) => n),
    )
  })
})

test('a topic keeps what it has when the clock is set forward, and throws it away in time when the clock was wrong before', async () => {
  await inWorld(async (world) => {
    const { runtime, during, message } = world
    const kept = async (): Promise<string[]> =>
      (await world.broker.browse({ topic: 'topic', partition: 0, limit: 100 })).map(({ message: { data } }) => data)
    await during(world.broker.declareTopic('topic', { partitions: 1, retention: { ms: DAY } }))
    await during(world.broker.publish([message('topic', 1)]))
    for (const jump of [30 * DAY, -60 * DAY, 45 * DAY]) {
      runtime.jump(jump)
      await during(world.broker.publish([message('topic', 2)]))
      await runtime.advance(120_000)
      assert.equal((await kept())[0], '1', `after a jump by ${jump / DAY} days`)
    }
    // It wrote the times of a clock that was far ahead; the next start knows better.
    runtime.jump(-40 * DAY)
    await world.restart()
    await during(world.broker.publish([message('topic', 3)]))
    await runtime.advance(DAY / 2)
    assert.equal((await kept()).at(-1), '3')
    await runtime.advance(DAY)
    assert.deepEqual(await kept(), [])
  })
})
