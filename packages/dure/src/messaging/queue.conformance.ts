import assert from 'node:assert/strict'
import type { Capabilities } from './capabilities.ts'
import { numberOf, until } from './numbered.conformance.ts'
import { isCallError, type Register, type Rig } from './rig.conformance.ts'

/** The cases of queues: competing consumers, and what comes again. */
export function queueConformance(broker: Register, capabilities: Capabilities): void {
  broker('gives every message of a queue to one of the competing receivers', async (rig) => {
    const { broker: b, queue } = rig
    const taken: [number, number][] = []
    for (const receiver of [1, 2]) {
      await b.receive({
        queue,
        concurrency: 2,
        handle: async (message) => {
          await rig.runtime.timers.sleep(1)
          taken.push([receiver, numberOf(message)])
        },
      })
    }
    await b.send(Array.from({ length: 40 }, (_, n) => rig.job(n)))
    await until(() => taken.length >= 40)
    assert.deepEqual(
      taken.map(([, n]) => n).sort((a, z) => a - z),
      Array.from({ length: 40 }, (_, n) => n),
    )
    assert.deepEqual([...new Set(taken.map(([receiver]) => receiver))].sort(), [1, 2])
  })

  broker('works on no more of a queue at once than asked, and in order of arrival', async (rig) => {
    const { broker: b, queue } = rig
    let open = 0
    let most = 0
    const order: number[] = []
    await b.send(Array.from({ length: 20 }, (_, n) => rig.job(n)))
    await b.receive({
      queue,
      concurrency: 3,
      handle: async (message) => {
        order.push(numberOf(message))
        most = Math.max(most, ++open)
        await rig.runtime.timers.sleep(1)
        open--
      },
    })
    await until(() => order.length === 20)
    assert.ok(most <= 3, `${most} at once`)
    assert.deepEqual(
      order,
      Array.from({ length: 20 }, (_, n) => n),
    )
  })

  broker('brings a rejected message again, and the others meanwhile', async (rig) => {
    const { broker: b, queue } = rig
    const order: number[] = []
    const errors: unknown[] = []
    await b.receive({
      queue,
      concurrency: 1,
      onError: (error) => void errors.push(error),
      handle: async (message) => {
        order.push(numberOf(message))
        if (numberOf(message) === 1 && order.filter((n) => n === 1).length < 3) throw new Error('not now')
      },
    })
    await b.send([rig.job(1), rig.job(2)])
    await until(() => order.length === 4)
    assert.equal(order.filter((n) => n === 1).length, 3)
    assert.ok(order.indexOf(2) < order.lastIndexOf(1))
    assert.equal(errors.length, 2)
    await until(async () => (await waiting(rig)) === 0)
  })

  broker("a message whose receiver does not end is in nobody else's way", async (rig) => {
    const { broker: b, queue } = rig
    const end = Promise.withResolvers<void>()
    const done: number[] = []
    await b.receive({
      queue,
      concurrency: 2,
      handle: async (message) => {
        if (numberOf(message) === 0) await end.promise
        done.push(numberOf(message))
      },
    })
    await b.send([0, 1, 2, 3].map(rig.job))
    await until(() => done.length === 3)
    await until(async () => (await waiting(rig)) === 1)
    end.resolve()
    await until(async () => (await waiting(rig)) === 0)
  })

  broker('carries every field of work unchanged, its delay as well, and leaves waiting to the receiver', async (rig) => {
    const { broker: b, queue } = rig
    const sent = [
      {
        ...rig.job(1),
        key: 'ключ',
        causationId: 'cause',
        initiator: 'ана',
        headers: { a: 'b' },
        replyTo: 'answers',
        delay: 3_600_000,
      },
      rig.job(2),
    ]
    const came: unknown[] = []
    await b.receive({ queue, concurrency: 1, handle: async (message) => void came.push({ ...message }) })
    await b.send(sent)
    await until(() => came.length === 2)
    assert.deepEqual(came, sent)
  })

  broker('work is due whatever becomes of the wall clock', async (rig) => {
    const { broker: b, queue } = rig
    const done = new Set<number>()
    let tries = 0
    await b.send(Array.from({ length: 10 }, (_, n) => rig.job(n)))
    rig.jump(-3_600_000)
    await b.receive({
      queue,
      concurrency: 1,
      onError: () => {},
      handle: async (message) => {
        const n = numberOf(message)
        rig.jump(n % 2 === 0 ? 7_200_000 : -7_200_000)
        if (n === 4 && ++tries === 1) throw new Error('once more')
        done.add(n)
      },
    })
    await b.send(Array.from({ length: 10 }, (_, n) => rig.job(10 + n)))
    await until(() => done.size === 20)
    await until(async () => (await waiting(rig)) === 0)
  })

  broker('takes an empty list of work for nothing to do', async ({ broker: b }) => {
    await b.send([])
  })

  broker('stop of a receiver waits for what it has in hand', async (rig) => {
    const { broker: b, queue } = rig
    let began = 0
    let ended = 0
    const receiver = await b.receive({
      queue,
      concurrency: 2,
      handle: async () => {
        began++
        await rig.runtime.timers.sleep(10)
        ended++
      },
    })
    await b.send(Array.from({ length: 10 }, (_, n) => rig.job(n)))
    await until(() => began > 0)
    await Promise.all([receiver.stop(), receiver.stop()])
    assert.equal(ended, began)
    await until(async () => (await waiting(rig)) === 10 - ended)
  })

  if (capabilities.durable) {
    broker('keeps work over a restart, also what was in hand', async (rig) => {
      const { queue } = rig
      await rig.broker.send(Array.from({ length: 5 }, (_, n) => rig.job(n)))
      const done: number[] = []
      const first = await rig.broker.receive({
        queue,
        concurrency: 1,
        handle: async (message) => void done.push(numberOf(message)),
      })
      await until(() => done.length >= 2)
      await first.stop()
      await rig.restart()
      await rig.broker.receive({ queue, handle: async (message) => void done.push(numberOf(message)) })
      await until(() => done.length === 5)
      assert.deepEqual(
        done.sort((a, z) => a - z),
        [0, 1, 2, 3, 4],
      )
    })
  }

  broker('refuses numbers that cannot be used, and goes on', async (rig) => {
    const { broker: b, queue } = rig
    const handle = async (): Promise<void> => {}
    for (const number of USELESS_NUMBERS) {
      await assert.rejects(b.receive({ queue, handle, concurrency: number }), (error) => isCallError(error, 'INVALID_ARGUMENT'))
      if (number === 1.5) continue
      await assert.rejects(b.send([{ ...rig.job(9), delay: number }]), (error) => isCallError(error, 'INVALID_ARGUMENT'))
    }
    const taken: number[] = []
    await b.receive({ queue, handle: async (message) => void taken.push(numberOf(message)) })
    await b.send([rig.job(1)])
    await until(() => taken.length === 1)
    await until(async () => (await waiting(rig)) === 0)
  })
}

/** What no option of a broker takes. */
export const USELESS_NUMBERS: readonly number[] = [Number.NaN, -Infinity, -2, 1e300, 1.5]

/** Messages of the queue that nobody has acknowledged. */
async function waiting(rig: Rig): Promise<number> {
  return (await rig.broker.lag()).filter((one) => one.topic === rig.queue).reduce((sum, one) => sum + one.lag, 0)
}
