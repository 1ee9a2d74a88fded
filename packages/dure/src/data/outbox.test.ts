import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import fc from 'fast-check'
import { virtualRuntime } from '../runtime/runtime.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import type { Outbox, OutboxOptions, SqlStore, SqlTransaction } from './database.ts'
import { adapterModule, rows } from './adapter.conformance.ts'
import { createOutbox } from './outbox.ts'
import type { OutboxMessage } from './outbox-row.ts'
import { inWorld, orderIds, type World } from './world.conformance.ts'

const check = (what: string, run: (world: World) => Promise<void>): void => void test(what, () => inWorld(adapterModule, run))

const runtime = virtualRuntime()
const message = (id: string, size = 2): OutboxMessage => ({
  id,
  source: 'orders',
  type: 'order.placed',
  key: id,
  time: 1_000 + Number(id.replace(/\D/g, '')),
  schemaVersion: 1,
  correlationId: 'c',
  causationId: undefined,
  traceparent: undefined,
  data: `"${'x'.repeat(size)}"`,
  destination: 'topic',
})

const make = (store: SqlStore, deliver: OutboxOptions['deliver'], options: Partial<OutboxOptions> = {}): Promise<Outbox> =>
  createOutbox({ store, runtime, log: silentLogger(), deliver, ...options })

/** One order and its messages, in one transaction. */
const place = (store: SqlStore, outbox: Outbox, id: string, messages: readonly OutboxMessage[] = [message(id)]): Promise<void> =>
  store.transaction(async (tx) => {
    outbox.append(tx, messages)
    await rows.insert(tx, 'orders', { id, total: 1 })
  })

const rowsLeft = (store: SqlStore): Promise<number> => rows.count(store, 'dure_outbox')

check('what commits is delivered once, whole and in order of commit; what rolls back never is', async ({ open }) => {
  const store = await open()
  const got: OutboxMessage[] = []
  const outbox = await make(store, async (batch) => void got.push(...batch))
  const sent = [
    message('1'),
    { ...message('2'), destination: 'queue' as const, delay: 500, causationId: 'why', traceparent: '00-a-b-01' },
    message('3'),
  ]
  await place(store, outbox, 'a', sent)
  const committed: string[] = []
  await Promise.allSettled(
    Array.from({ length: 60 }, (_, i) =>
      store
        .transaction(async (tx) => {
          outbox.append(tx, [message(`${i}-first`)])
          if (i % 3 === 0) throw new Error('no')
          outbox.append(tx, [message(`${i}-second`)])
        })
        .then(() => committed.push(`${i}-first`, `${i}-second`)),
    ),
  )
  await outbox.flush()
  assert.deepEqual(got.slice(0, 3), sent)
  assert.deepEqual(
    got.slice(3).map(({ id }) => id),
    committed,
  )
  assert.equal(committed.length, 80)
  assert.deepEqual([outbox.depth(), outbox.oldest()], [0, undefined])
  await outbox.stop()
  assert.equal(await rowsLeft(store), 0)
})

check('more messages than one statement takes are one transaction still', async ({ open }) => {
  const store = await open()
  const got: string[] = []
  const outbox = await make(store, async (batch) => void got.push(...batch.map(({ id }) => id)))
  const many = Array.from({ length: 100 }, (_, i) => message(String(i)))
  await place(store, outbox, 'a', many)
  await assert.rejects(place(store, outbox, 'a', many), /UNIQUE/)
  await outbox.flush()
  assert.deepEqual(
    got,
    many.map(({ id }) => id),
  )
  await outbox.stop()
})

check('while the broker is down messages wait in order, and go when it is back', async ({ open }) => {
  const store = await open()
  const world = virtualRuntime()
  const got: string[] = []
  let down = true
  let attempts = 0
  const deliver = async (batch: readonly OutboxMessage[]): Promise<void> => {
    attempts++
    if (down) throw new Error('connection refused')
    got.push(...batch.map(({ id }) => id))
  }
  const outbox = await make(store, deliver, { runtime: world })
  for (let i = 0; i < 20; i++) await place(store, outbox, String(i))
  await world.advance(10_000)
  assert.deepEqual([outbox.depth(), outbox.oldest(), got], [20, 1_000, []])
  // Ever less often: about 50 ms doubled up to 5 s.
  assert.ok(attempts >= 5 && attempts <= 20, `${attempts} attempts in 10 s`)
  down = false
  await world.advance(5_000)
  await outbox.flush()
  assert.deepEqual(
    got,
    Array.from({ length: 20 }, (_, i) => String(i)),
  )
  assert.equal(outbox.depth(), 0)
  await outbox.stop()
})

check('what could not be delivered is delivered by the next start, before anything new', async ({ open }) => {
  const store = await open()
  const outbox = await make(store, () => Promise.reject(new Error('down')))
  for (const id of ['1', '2', '3']) await place(store, outbox, id)
  const waiting = assert.rejects(outbox.flush(), { code: 'UNAVAILABLE', message: /3 messages left/ })
  const stopping = outbox.stop({ timeout: 1 })
  await runtime.advance(5)
  await stopping
  await waiting
  await assert.rejects(outbox.flush(), { code: 'UNAVAILABLE' })
  // Nothing is lost by publishing once it has stopped, either.
  await place(store, outbox, '4')
  await store.stop()

  const again = await open()
  const got: string[] = []
  const next = await make(again, async (batch) => void got.push(...batch.map(({ id }) => id)))
  assert.equal(next.depth(), 4)
  assert.ok(next.size() > 0)
  await place(again, next, '5')
  await next.flush()
  assert.equal(next.size(), 0)
  assert.deepEqual(got, ['1', '2', '3', '4', '5'])
  await next.stop()
})

check('a crash between delivering and removing delivers again, and loses nothing', async ({ open }) => {
  const store = await open()
  const first: string[] = []
  const outbox = await make(store, async (batch) => void first.push(...batch.map(({ id }) => id)))
  for (const id of ['1', '2', '3']) await place(store, outbox, id)
  await outbox.flush()
  // The store closes under the outbox, which has had no chance to remove what it delivered.
  await store.stop()
  const again = await open()
  const second: string[] = []
  const next = await make(again, async (batch) => void second.push(...batch.map(({ id }) => id)))
  await place(again, next, '4')
  await next.flush()
  assert.deepEqual(
    [first, second],
    [
      ['1', '2', '3'],
      ['1', '2', '3', '4'],
    ],
  )
  await next.stop()
  assert.equal(await rowsLeft(again), 0)
})

check('delivered rows leave the table a few at a time, and all of them after a quiet second', async ({ open }) => {
  const store = await open()
  const world = virtualRuntime()
  const outbox = await make(store, async () => {}, { runtime: world })
  let most = 0
  for (let i = 0; i < 400; i++) {
    await place(store, outbox, String(i))
    await outbox.flush()
    most = Math.max(most, await rowsLeft(store))
  }
  assert.ok(most > 1 && most <= 70, `${most} rows at the most`)
  // The timer's transaction runs on the store's own, real world: look until it is done.
  await world.advance(1_100)
  while ((await rowsLeft(store)) > 0) await store.transaction(async () => {})
  assert.equal(world.pending(), 0)
  await outbox.stop()
})

check('a delivery that never ends does not keep the service from stopping', async ({ open }) => {
  const store = await open()
  const outbox = await make(store, () => new Promise(() => {}))
  await place(store, outbox, '1')
  const stopping = outbox.stop({ timeout: 20 })
  await runtime.advance(50)
  await runtime.advance(50)
  await stopping
  assert.equal(await rowsLeft(store), 1)
})

check('a transaction that is over takes no more messages', async ({ open }) => {
  const store = await open()
  const outbox = await make(store, async () => {})
  let leaked: SqlTransaction | undefined
  const failing = store.transaction(async (tx) => {
    leaked = tx
    outbox.append(tx, [message('1')])
    throw new Error('no')
  })
  await assert.rejects(failing, /^Error: no$/)
  assert.throws(() => outbox.append(leaked!, [message('2')]), /the transaction is over/)
  assert.equal(await rowsLeft(store), 0)
  await outbox.stop()
})

test('whatever fails, waits or overflows, everything committed arrives, first arrivals in order of commit', () =>
  inWorld(adapterModule, async ({ open }) => {
    const store = await open()
    const property = fc.asyncProperty(
      fc.record({
        memory: fc.integer({ min: 1, max: 12 }),
        batch: fc.integer({ min: 1, max: 7 }),
        /** Messages of each transaction; a negative number rolls back. */
        transactions: fc.array(fc.integer({ min: -2, max: 6 }), { minLength: 1, maxLength: 25 }),
        /** How each delivery ends: well, without effect, or with an effect that is not acknowledged. */
        deliveries: fc.array(fc.constantFrom('well', 'not', 'unsaid'), { maxLength: 12 }),
        together: fc.boolean(),
      }),
      async ({ memory, batch, transactions, deliveries, together }) => {
        const world = virtualRuntime()
        const got: string[] = []
        const endings = [...deliveries]
        const deliver = async (messages: readonly OutboxMessage[]): Promise<void> => {
          const ending = endings.shift() ?? 'well'
          await world.timers.sleep(1)
          if (ending !== 'not') got.push(...messages.map(({ id }) => id))
          if (ending !== 'well') throw new Error('no answer')
        }
        const outbox = await make(store, deliver, { runtime: world, limits: { memory, batch } })
        const committed: string[] = []
        const run = (count: number, index: number): Promise<void> => {
          const messages = Array.from({ length: Math.abs(count) }, (_, i) => message(`${index}.${i}`))
          return store
            .transaction(async (tx) => {
              outbox.append(tx, messages)
              if (count < 0) throw new Error('no')
            })
            .then(
              () => void committed.push(...messages.map(({ id }) => id)),
              () => {},
            )
        }
        if (together) await Promise.all(transactions.map(run))
        else for (const [index, count] of transactions.entries()) await Promise.all([run(count, index), world.advance(2)])
        let done = false
        void outbox.flush().then(() => (done = true))
        for (let i = 0; i < 100 && !done; i++) await world.advance(1_000)
        assert.deepEqual([...new Set(got)], committed)
        assert.equal(outbox.depth(), 0)
        await outbox.stop()
        assert.equal(await rowsLeft(store), 0)
      },
    )
    await fc.assert(property, { numRuns: 60 })
  }))

test('a process that is killed loses no message of a committed transaction and invents none', () =>
  inWorld(adapterModule, async ({ directory, open }) => {
    const script = `
      import * as module from '${adapterModule.href}'
      import { sqlRows } from '${new URL('./rows.conformance.ts', import.meta.url).href}'
      import { createOutbox } from '${new URL('./outbox.ts', import.meta.url).href}'
      import { realRuntime } from '${new URL('../runtime/runtime.ts', import.meta.url).href}'
      import { silentLogger } from '${new URL('../telemetry/telemetry.ts', import.meta.url).href}'
      const runtime = realRuntime(), log = silentLogger()
      const { openAdapter, rows = sqlRows } = module
      const store = await openAdapter({ directory: process.argv[1], runtime, log }).open('orders', { migrations: { '0001': 'CREATE TABLE orders (id TEXT PRIMARY KEY, total INTEGER NOT NULL)' } })
      const outbox = await createOutbox({ store, runtime, log, deliver: async (messages) => {
        await runtime.timers.sleep(1)
        process.stdout.write(messages.map(({ id }) => id + '\\n').join(''))
      } })
      const worker = async (name) => {
        for (let i = 0; ; i++) {
          const id = name + '.' + i
          await store.transaction(async (tx) => {
            await rows.insert(tx, 'orders', { id, total: 1 })
            outbox.append(tx, [{ id, source: 'orders', type: 't', key: id, time: 1, schemaVersion: 1, correlationId: 'c', data: '1', destination: 'topic' }])
          })
        }
      }
      await Promise.all([0, 1, 2, 3].map(worker))`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const before: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      before.push(line)
      if (before.length === 500) child.kill('SIGKILL')
    }
    const store = await open()
    const after: string[] = []
    const outbox = await make(store, async (batch) => void after.push(...batch.map(({ id }) => id)))
    await outbox.flush()
    await outbox.stop()
    const arrived = [...new Set([...before, ...after])]
    assert.deepEqual(arrived.toSorted(), [...(await orderIds(store, rows))].toSorted())
    for (const worker of ['0', '1', '2', '3']) {
      const numbers = arrived.filter((id) => id.startsWith(`${worker}.`)).map((id) => Number(id.split('.')[1]))
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
      )
    }
  }))
