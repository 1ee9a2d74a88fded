import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { command, contract, query } from '../../contract/contract.ts'
import { quiet, until } from '../rig.test-support.ts'
import { service, system, type Running } from '../service.ts'
import { rig } from './parts.test-support.ts'
import { Mail, Orders } from './shop.test-support.ts'

/** Orders without end over each of these, until it is told to stop; gives the ids of those that were placed. */
function load(...callers: readonly Running[]) {
  const placed: string[] = []
  let over = false
  const lanes = Promise.all(
    callers.flatMap((caller, at) =>
      Array.from({ length: 4 }, async (_, lane) => {
        for (let n = 0; !over; n++) {
          const orderId = `${at}-${lane}-${n}`
          await caller.client(Orders).place({ orderId, quantity: 1 })
          placed.push(orderId)
        }
      }),
    ),
  )
  return {
    /** Resolves when so many more are placed. */
    placed: async (times: number): Promise<void> => {
      const before = placed.length
      await Promise.race([until(() => placed.length >= before + times), lanes])
    },
    end: async (): Promise<readonly string[]> => {
      over = true
      await lanes
      return placed
    },
  }
}

test(
  'a service with an exclusive store moves ten times under load: no call fails, whoever makes it, and nothing is lost',
  { timeout: 120_000 },
  async (t) => {
    const { run } = rig(t)
    const shared = await run('broker', 'orders', 'stock', 'doors')
    const mail = await run('mail')
    // One caller beside the service, one in another process.
    const calls = load(shared, mail)
    for (let move = 0; move < 10; move++) {
      const [from, to] = move % 2 === 0 ? [shared, mail] : [mail, shared]
      await from.place('orders', 'out')
      await to.place('orders', 'in')
      await calls.placed(30)
    }
    const placed = await calls.end()
    assert.deepEqual(await shared.client(Orders).count(), { count: placed.length })
    await quiet(shared)
    assert.deepEqual((await mail.client(Mail).sent()).toSorted(), placed.toSorted())
    const { services } = await shared.health()
    assert.deepEqual(services.map(({ service, state }) => `${service} ${state}`).toSorted(), [
      'mail running',
      'orders running',
      'stock running',
    ])
  },
)

test('who comes later is stopped after its callers have been told, and the others of its process go on', async (t) => {
  const { run } = rig(t)
  const broker = await run('broker', 'stock', 'doors')
  const mail = await run('mail')
  const orders = await run('orders')
  await orders.place('orders', 'out')
  await mail.place('orders', 'in')
  await orders.stop()
  const calls = load(broker)
  await calls.placed(10)
  const fresh = run('orders')
  await assert.rejects(fresh, 'its store is open in another process')
  await mail.stop()
  // Calls wait for whoever comes next.
  await run('orders', 'mail')
  await calls.placed(10)
  const placed = await calls.end()
  await quiet(broker)
  assert.deepEqual((await broker.client(Mail).sent()).toSorted(), placed.toSorted())
})

test('where it cannot be opened, nothing of it stays, and it can come later', async (t) => {
  const { run } = rig(t)
  const shared = await run('broker', 'orders', 'stock', 'doors')
  const mail = await run('mail')
  await assert.rejects(mail.place('orders', 'in'), /orders/)
  assert.equal((await mail.health()).services.filter(({ service }) => service === 'orders').length, 1)
  await shared.client(Orders).place({ orderId: 'a', quantity: 1 })
  await shared.place('orders', 'out')
  await mail.place('orders', 'in')
  assert.deepEqual(await shared.client(Orders).count(), { count: 1 })
})

test('what makes no sense is refused in words', async (t) => {
  const { run } = rig(t)
  const shared = await run('broker', 'orders', 'stock', 'mail')
  const doors = await run('doors')
  const refused = (move: Promise<void>, message: RegExp) => assert.rejects(move, { code: 'FAILED_PRECONDITION', message })
  await shared.place('orders', 'in')
  await doors.place('orders', 'out')
  await refused(shared.place('post', 'out'), /Cannot move service "post" out: system "shop" has no such service/)
  await refused(doors.place('orders', 'in'), /this process runs the doors alone and takes no calls from others/)
  await shared.stop()
  await refused(shared.place('orders', 'out'), /this process is being stopped/)
})

test('a call that does not end is ended when its service moves; one of a neighbour is not', async (t) => {
  const names = ['hangs', 'waits'] as const
  const Contracts = names.map((name) =>
    contract(name, {
      version: '1.0.0',
      owner: 'tests',
      operations: {
        ask: query({ input: z.string(), output: z.string() }),
        wait: command({ input: z.string(), output: z.string(), deadline: 60_000 }),
      },
    }),
  )
  const entered: string[] = []
  const waiting = Promise.withResolvers<string>()
  const services = Contracts.map((one) =>
    service(one, {
      handlers: {
        ask: (text) => text,
        wait: (text) => {
          entered.push(text)
          return waiting.promise
        },
      },
    }),
  )
  const { run } = rig(t, () => system('waiting', { services }))
  const shared = await run('broker', 'hangs', 'waits', 'doors')
  const other = await run('hangs')
  await other.place('hangs', 'out')
  const [hangs, waits] = Contracts.map((one) => shared.client(one).wait(one.name)) as [Promise<string>, Promise<string>]
  const ended = assert.rejects(hangs, { code: 'UNAVAILABLE', message: /the service is stopping/ })
  await until(() => entered.length === 2)
  await shared.place('hangs', 'out', { timeout: 50 })
  await ended
  await other.place('hangs', 'in')
  assert.equal(await shared.client(Contracts[0]!).ask('again'), 'again')
  waiting.resolve('over')
  assert.equal(await waits, 'over')
})

test('one process alone moves nothing', async (t) => {
  const { directory } = rig(t)
  const { start } = await import('../service.ts')
  const Alone = contract('alone', { version: '1.0.0', owner: 'tests', operations: {} })
  const { place, stop } = await start(system('alone', { services: [service(Alone, { handlers: {} })] }), { directory })
  await assert.rejects(place('alone', 'out'), /the whole system runs in one process; start it with --split/)
  await stop()
})
