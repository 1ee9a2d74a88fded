import assert from 'node:assert/strict'
import type { Message } from '../contract/contract.ts'
import { NonRetryableError } from './non-retryable.ts'
import { isCallError, numberOf, until, type BrokerFeatures, type Register, type Rig } from './rig.conformance.ts'

/** The cases of queues: competing consumers, leases, delay, attempts, the dead. */
export function queueConformance(broker: Register, features: BrokerFeatures): void {
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

  broker('brings a rejected message again, and counts its attempts', async (rig) => {
    const { broker: b, queue } = rig
    const attempts: number[] = []
    const errors: unknown[] = []
    await b.receive({
      queue,
      onError: (error) => void errors.push(error),
      handle: async (_message, { attempt }) => {
        attempts.push(attempt)
        if (attempt < 3) throw new Error('not now')
      },
    })
    await b.send([rig.job(1)])
    await until(() => attempts.length === 3)
    assert.deepEqual(attempts, [1, 2, 3])
    assert.equal(errors.length, 2)
    await until(async () => (await waiting(rig)) === 0)
  })

  broker('gives a message to another when its lease is over, and lets the first settle nothing', async (rig) => {
    const { broker: b, queue } = rig
    await b.declareQueue(queue, { lease: 30 })
    let letGo = (): void => {}
    const stuck = new Promise<void>((resolve) => void (letGo = resolve))
    const attempts: number[] = []
    await b.receive({
      queue,
      concurrency: 2,
      handle: async (_message, { attempt }) => {
        attempts.push(attempt)
        if (attempt === 1) await stuck
        // The second is slow as well, so that the first ends while it holds the message.
        else if (attempt === 2) {
          letGo()
          await rig.runtime.timers.sleep(1)
          throw new Error('once more')
        }
      },
    })
    await b.send([rig.job(1)])
    // Had the first holder's end counted, there would be no third attempt.
    await until(() => attempts.length === 3)
    await until(async () => (await waiting(rig)) === 0)
  })

  broker('a handler that hangs keeps its lease and no more: not the hand, not the queue, not the message', async (rig) => {
    const { broker: b, queue } = rig
    await b.declareQueue(queue, { lease: 30, attempts: 2 })
    const end = Promise.withResolvers<void>()
    const done: number[] = []
    await b.receive({
      queue,
      concurrency: 2,
      onError: () => {},
      handle: async (message) => {
        if (numberOf(message) < 3) await end.promise
        done.push(numberOf(message))
      },
    })
    const jobs = [0, 1, 2, 3, 4].map(rig.job)
    await b.send(jobs)
    await until(() => done.includes(3) && done.includes(4))
    await until(async () => (await waiting(rig)) === 0)
    if (features.dead) {
      const dead = await b.dead.list({ queue })
      assert.deepEqual(dead.map(({ message, attempts }) => [numberOf(message), attempts]).sort(), [
        [0, 2],
        [1, 2],
        [2, 2],
      ])
    }
    end.resolve()
  })

  broker('work is due whatever becomes of the wall clock', async (rig) => {
    const { broker: b, queue } = rig
    const done = new Set<number>()
    await b.send(Array.from({ length: 10 }, (_, n) => rig.job(n)))
    rig.jump(-3_600_000)
    await b.receive({
      queue,
      concurrency: 1,
      onError: () => {},
      handle: async (message, { attempt }) => {
        const n = numberOf(message)
        rig.jump(n % 2 === 0 ? 7_200_000 : -7_200_000)
        if (n === 4 && attempt === 1) throw new Error('once more')
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
    assert.equal(await waiting(rig), 10 - ended)
  })

  if (features.delay) {
    broker('shows a delayed message when its delay is over, and not before', async (rig) => {
      const { broker: b, queue, runtime } = rig
      const came = new Map<number, number>()
      await b.receive({ queue, handle: async (message) => void came.set(numberOf(message), runtime.clock.monotonic()) })
      const sent = runtime.clock.monotonic()
      await b.send([{ ...rig.job(1), delay: 60 }, rig.job(2), { ...rig.job(3), delay: 30 }])
      rig.jump(3_600_000)
      await until(() => came.size === 3)
      assert.deepEqual([...came.keys()], [2, 3, 1])
      assert.ok(came.get(1)! - sent >= 60)
      assert.ok(came.get(3)! - sent >= 30)
    })
  }

  if (features.persistent) {
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
    await b.declareQueue(queue)
    for (const number of USELESS_NUMBERS) {
      const whole = number !== 1.5
      for (const [what, use] of [
        ['attempts', () => b.declareQueue(queue, { attempts: number })],
        ['concurrency', () => b.receive({ queue, handle, concurrency: number })],
        ...(whole ? ([['lease', () => b.declareQueue(queue, { lease: number })]] as const) : []),
        ...(whole && features.delay ? ([['delay', () => b.send([{ ...rig.job(9), delay: number }])]] as const) : []),
        ...(features.dead
          ? ([
              ['limit', () => b.dead.list({ queue, limit: number })],
              ['after', () => b.dead.list({ queue, after: number })],
            ] as const)
          : []),
      ] as const)
        await assert.rejects(use, (error) => isCallError(error, 'INVALID_ARGUMENT'), `${what} ${number}`)
    }
    const taken: number[] = []
    await b.receive({ queue, handle: async (message) => void taken.push(numberOf(message)) })
    await b.send([rig.job(1), ...(features.delay ? [{ ...rig.job(2), delay: 0.5 }] : [])])
    await until(() => taken.length === (features.delay ? 2 : 1))
    await until(async () => (await waiting(rig)) === 0)
  })

  if (features.dead) {
    broker('buries a message after its attempts, and lets people list, retry and discard it', async (rig) => {
      const { broker: b, queue } = rig
      await b.declareQueue(queue, { attempts: 2 })
      let failing = true
      const done: number[] = []
      await b.receive({
        queue,
        onError: () => {},
        handle: async (message) => {
          if (failing && numberOf(message) > 0) throw new Error(`cannot do ${numberOf(message)}`)
          done.push(numberOf(message))
        },
      })
      const jobs = [0, 1, 2, 3].map(rig.job)
      await b.send(jobs)
      await until(async () => (await b.dead.list({ queue })).length === 3)
      assert.equal(await waiting(rig), 0)
      const [first] = await b.dead.list({ queue, limit: 1 })
      assert.equal(first!.attempts, 2)
      assert.match(first!.error, /cannot do \d/)
      assert.ok(first!.failedAt > 0)
      assert.deepEqual(await b.dead.count({ queue }), { count: 3, oldest: (await b.dead.count({ queue })).oldest })
      assert.ok((await b.dead.count({ queue })).oldest! > 0)
      const rest = await b.dead.list({ queue, after: first!.place })
      assert.equal(rest.length, 2)
      assert.ok(rest.every(({ message, place }) => place > first!.place && message.id !== first!.message.id))
      failing = false
      assert.equal(await b.dead.discard({ queue, ids: [jobs[1]!.id], reason: 'asked for by nobody' }), 1)
      assert.equal(await b.dead.retry({ queue, ids: [jobs[2]!.id] }), 1)
      await until(() => done.includes(2))
      assert.equal(await b.dead.retry({ queue }), 1)
      await until(() => done.includes(3))
      await until(async () => (await waiting(rig)) === 0)
      assert.deepEqual(await b.dead.list({ queue }), [])
      assert.equal(done.includes(1), false)
    })

    broker('lets people edit the data of a dead message, which stays dead and keeps its id', async (rig) => {
      const { broker: b, queue } = rig
      const came: Message[] = []
      await b.declareQueue(queue, { attempts: 1 })
      await b.receive({
        queue,
        onError: () => {},
        handle: async (message) => {
          if (numberOf(message) === 1) throw new Error('not this one')
          came.push(message)
        },
      })
      const job = rig.job(1)
      await b.send([job])
      await until(async () => (await b.dead.list({ queue })).length === 1)
      assert.equal(await b.dead.edit({ queue, id: 'none', data: job.data }), 0)
      assert.equal(await b.dead.edit({ queue, id: job.id, data: rig.job(2).data }), 1)
      await assert.rejects(b.dead.edit({ queue, id: job.id, data: '"\ud800"' }), (error) =>
        isCallError(error, 'INVALID_ARGUMENT'),
      )
      const [dead] = await b.dead.list({ queue })
      assert.deepEqual(dead!.message, { ...job, data: rig.job(2).data })
      assert.equal(await b.dead.retry({ queue }), 1)
      await until(() => came.length === 1)
      assert.deepEqual(came[0], { ...job, data: rig.job(2).data })
      assert.deepEqual(await b.dead.count({ queue }), { count: 0, oldest: undefined })
    })

    broker('lists dead messages by their size, whatever number was asked for', async (rig) => {
      const { broker: b, queue } = rig
      await b.declareQueue(queue, { attempts: 1 })
      await b.receive({ queue, onError: () => {}, handle: () => Promise.reject(new Error('no')) })
      const text = 'x'.repeat(900 * 1024)
      for (let n = 0; n < 6; n++) await b.send([{ ...rig.job(n), data: JSON.stringify({ n, text }) }])
      await until(async () => (await b.dead.count({ queue })).count === 6)
      const found: number[] = []
      for (let after = -1, page = await b.dead.list({ queue }); page.length > 0; page = await b.dead.list({ queue, after })) {
        assert.ok(page.length <= 2, `${page.length} at once`)
        found.push(...page.map(({ message }) => numberOf(message)))
        after = page.at(-1)!.place
      }
      assert.deepEqual(found.sort(), [0, 1, 2, 3, 4, 5])
    })

    broker('buries at once what is hopeless', async (rig) => {
      const { broker: b, queue } = rig
      let tries = 0
      await b.receive({
        queue,
        onError: () => {},
        handle: async () => {
          tries++
          throw new NonRetryableError('not a job at all')
        },
      })
      await b.send([rig.job(1)])
      await until(async () => (await b.dead.list({ queue })).length === 1)
      assert.equal(tries, 1)
      await assert.rejects(b.dead.list({ queue: `${queue}.none` }), (error) => isCallError(error, 'NOT_FOUND'))
    })
  }
}

/** What no option of a broker takes. */
export const USELESS_NUMBERS: readonly number[] = [Number.NaN, -Infinity, -2, 1e300, 1.5]

/** Messages of the queue that are neither done nor dead. */
async function waiting(rig: Rig): Promise<number> {
  return (await rig.broker.lag()).filter((one) => one.topic === rig.queue).reduce((sum, one) => sum + one.lag, 0)
}
