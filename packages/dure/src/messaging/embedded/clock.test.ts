import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
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

type Step =
  | { readonly do: 'send'; readonly delay: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'jump'; readonly ms: number }
  | { readonly do: 'restart' }

const delays = fc.oneof(fc.constant(0), fc.constantFrom(1, 50, 1_000, 600_000), fc.double({ min: 0.01, max: 5_000, noNaN: true }))
const jumps = fc.oneof(
  fc.constantFrom(-3_600_000, 3_600_000, -30 * DAY, 30 * DAY, -1_000, 1_000),
  fc.integer({ min: -100_000, max: 100_000 }),
)
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('send' as const), delay: delays }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 20_000 }) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('jump' as const), ms: jumps }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  ),
  { minLength: 1, maxLength: 14 },
)

test('however the wall clock jumps, work comes when its delay is over: not earlier while the broker lives, never later', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), async (all, failing) => {
      await inWorld(async (world) => {
        const { runtime, during, message } = world
        const now = (): number => runtime.clock.monotonic()
        /** By number: the first moment at which each may come, and the last at which it must. */
        const due = new Map<number, { readonly delay: number; early: number; late: number }>()
        const wrong: string[] = []
        const attempts = new Map<number, number>()
        const came = new Map<number, number>()
        const receive = () =>
          during(
            world.broker.receive({
              queue: 'work',
              concurrency: 3,
              handle: async ({ data }) => {
                const n = Number(data)
                const tries = (attempts.get(n) ?? 0) + 1
                attempts.set(n, tries)
                if (tries === 1) {
                  came.set(n, now())
                  const { early, late } = due.get(n)!
                  if (now() < early || now() > late + 10) wrong.push(`${n} came at ${now()}, due from ${early} to ${late}`)
                }
                if (failing && tries < 3) throw new Error('not yet')
              },
            }),
          )
        await receive()
        let sent = 0
        for (const step of all) {
          if (step.do === 'wait') await runtime.advance(step.ms)
          else if (step.do === 'jump') runtime.jump(step.ms)
          else if (step.do === 'restart') {
            await world.restart()
            // Where time is not measured the wall clock is believed, but nothing waits longer than its whole delay again.
            for (const one of due.values()) Object.assign(one, { early: 0, late: now() + one.delay })
            await receive()
          } else {
            due.set(sent, { delay: step.delay, early: now() + step.delay, late: now() + step.delay })
            await during(world.broker.send([{ ...message('work', sent++), delay: step.delay }]))
          }
        }
        await runtime.advance(1_300_000)
        for (const [n] of due) assert.ok(came.has(n), `${n} never came`)
        assert.deepEqual(wrong, [])
        assert.ok(
          [...attempts.values()].every((tries) => tries === (failing ? 3 : 1)),
          [...attempts.values()].join(),
        )
        assert.deepEqual(await during(world.broker.lag()).then((lag) => lag.map((one) => one.lag)), [0])
      })
    }),
    { numRuns: 60 },
  )
})

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

for (const [name, ms] of [
  ['no delay', 0],
  ['a delay of ten minutes', 600_000],
] as const) {
  test(`over a restart with the clock set back, work with ${name} waits no longer than that`, async () => {
    await inWorld(async (world) => {
      const { runtime, during, message } = world
      let came = 0
      await during(world.broker.send([{ ...message('work', 1), delay: ms }]))
      runtime.jump(-3_600_000)
      await world.restart()
      await during(world.broker.receive({ queue: 'work', handle: async () => void came++ }))
      await runtime.advance(ms + 10)
      assert.equal(came, 1)
    })
  })
}

test('a topic keeps what it has when the clock is set forward, and throws it away in time when the clock was wrong before', async () => {
  await inWorld(async (world) => {
    const { runtime, during, message } = world
    const kept = async (): Promise<string[]> =>
      (await world.broker.browse({ topic: 'topic', partition: 0, from: 0, limit: 100 })).map(({ message: { data } }) => data)
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
