import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { CallError } from '../../contract/contract.ts'
import { quiet, Stock, until } from '../rig.test-support.ts'
import { placing } from './load.test-support.ts'
import { Mail, Orders } from './shop.test-support.ts'
import { supervised } from './supervised-system.test-support.ts'
import { Nuisance, threadedShop } from './threads.test-support.ts'

const rig = (t: TestContext) =>
  supervised(t, { make: threadedShop, program: new URL('./threads.test-support.ts', import.meta.url) })

test(
  'a loop that is blocked for 6 s: its callers meet their deadlines, all others are answered, and it goes on',
  { timeout: 120_000 },
  async (t) => {
    const { caller, supervisor, events } = await rig(t)
    const [stock, orders, mail] = [caller.client(Stock), caller.client(Orders), caller.client(Mail)]
    assert.equal((await orders.place({ orderId: 'before', quantity: 1 })).pid, process.pid)
    // The call is lost with its connection, whose other side is silent.
    const blocking = caller
      .client(Nuisance)
      .block(6_000, { timeout: 60_000 })
      .catch(() => {})
    let blocked = true
    let answered = 0
    const neighbours = [() => stock.left(), () => mail.sent()].map(async (call) => {
      for (; blocked; answered++) await call()
    })
    const refused: string[] = []
    for (let back = false; !back;) {
      back = await orders.count(undefined, { timeout: 400 }).then(
        // The first may have come before the block.
        () => refused.length > 3,
        (error: CallError) => (refused.push(error.code), false),
      )
    }
    blocked = false
    await Promise.all([blocking, ...neighbours])
    assert.ok(answered > 100, `${answered} calls were answered`)
    assert.ok(
      refused.every((code) => code === 'DEADLINE_EXCEEDED' || code === 'UNAVAILABLE'),
      refused.join(),
    )
    assert.deepEqual(events, [])
    assert.ok(supervisor.processes().every(({ restarts }) => restarts === 0))
    assert.deepEqual(
      (await caller.registry()).instances('orders').map(({ metadata }) => metadata['thread']),
      supervisor.processes().flatMap(({ name, thread }) => (name === 'orders+nuisance' ? [String(thread)] : [])),
    )
  },
)

test(
  'a thread that falls under load: nothing acknowledged is lost, nothing happens twice; cancellation reaches one',
  { timeout: 120_000 },
  async (t) => {
    const { caller, back } = await rig(t)
    const nuisance = caller.client(Nuisance)
    const giving = new AbortController()
    const waiting = nuisance.wait(undefined, { signal: giving.signal, timeout: 60_000 })
    await until(async () => (await nuisance.heard()).includes('called'))
    giving.abort()
    await assert.rejects(waiting, { code: 'CANCELLED' })
    await until(async () => (await nuisance.heard()).includes('aborted'))

    const load = placing(caller)
    for (const times of [1, 2]) {
      await load.more(30)
      await nuisance.fall().catch(() => {})
      await back(times)
    }
    await load.more(30)
    await load.end()
    await quiet(caller)
    const sent = await caller.client(Mail).sent()
    assert.equal(new Set(sent).size, sent.length)
    assert.deepEqual(
      load.placed.filter((id) => !sent.includes(id)),
      [],
    )
    assert.equal((await caller.client(Orders).count()).count, sent.length)
  },
)
