import assert from 'node:assert/strict'
import type { OutboxMessage } from 'dure/data'
import { realRuntime, type Runtime } from 'dure/runtime'
import { collector } from '../../collector.test-support.ts'
import { listening, onServers, publish } from '../outbox.test-support.ts'

const check = await onServers()

const numbered = (from: number, count: number, key = (n: number): string => `key-${n % 10}`) =>
  Array.from({ length: count }, (_, at) => ({ type: 'counted', key: key(from + at), data: from + at }))

const numbers = (messages: readonly OutboxMessage[]): readonly number[] => messages.map(({ data }) => Number(data))

function assertOrdered(messages: readonly OutboxMessage[], total: number): void {
  const seen = new Set<string>()
  const firsts = messages.filter(({ id }) => !seen.has(id) && seen.add(id))
  assert.equal(firsts.length, total)
  for (const [key, of] of Map.groupBy(firsts, (message) => message.key)) {
    assert.deepEqual(
      numbers(of),
      numbers(of).toSorted((a, b) => a - b),
      `the messages of ${key}`,
    )
  }
}

const pollUntil = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve))
}

check('while the broker is down the table grows and memory does not; when it is back all go, in order', async (place) => {
  const { got, deliver } = collector()
  const log = listening()
  let down = true
  let attempts = 0
  let largest = 0
  const relay = place.relay(
    async (messages) => {
      attempts++
      largest = Math.max(largest, messages.length)
      if (down) throw new Error('connection refused')
      await deliver(messages)
    },
    { log, limits: { batch: 20, backoff: [1, 20] } },
  )
  for (let from = 0; from < 1_000; from += 50) await place.publish(...numbered(from, 50))
  await pollUntil(() => attempts >= 5)
  assert.deepEqual([got.length, await place.left()], [0, 1_000])
  await pollUntil(() => relay.state().depth === 1_000)
  assert.ok(relay.state().oldest! <= Date.now() && relay.state().oldest! > Date.now() - 600_000)
  assert.deepEqual(log.warnings, ['The outbox could not deliver; it keeps trying'])
  down = false
  await relay.flush()
  assert.equal(largest, 20)
  assertOrdered(got, 1_000)
  assert.equal(got.length, 1_000, 'once each')
  assert.deepEqual([relay.state().depth, relay.state().oldest], [0, undefined])
  await relay.stop()
  assert.equal(await place.left(), 0)
})

check('more than are counted at a glance are known to every relay, also to one that delivers none of them', async (place) => {
  const deliver = (): Promise<never> => Promise.reject(new Error('connection refused'))
  const relays = [1, 2].map(() => place.relay(deliver, { limits: { lease: 400 } }))
  await pollUntil(() => relays.every((relay) => relay.state().lanes > 0 && relay.state().lanes < 16))
  await place.pool.query(`
    INSERT INTO dure_outbox (bucket, destination, id, source, type, key, time, schema_version, correlation_id, data)
    SELECT 0, 'topic', 'm-' || n, 'test', 'counted', 'one', 0, 1, 'c', '12345' FROM generate_series(1, 100050) AS n`)
  await pollUntil(() => relays.every((relay) => relay.state().depth === 100_050 && relay.state().size === 5 * 100_050))
})

check('positions that were never used, and positions put in by hand, hold nothing up', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver, { limits: { batch: 5 } })
  for (let n = 0; n < 60; n++) {
    const [message] = numbered(n, 1)
    if (n % 2 === 0) await place.publish(message!)
    else await place.pool.query(`SELECT nextval('dure_outbox_position_seq'), setval('dure_outbox_position_seq', $1)`, [n * 1_000])
  }
  await relay.flush()
  assert.deepEqual(
    numbers(got),
    Array.from({ length: 30 }, (_, i) => i * 2),
  )
  await place.pool.query(
    `INSERT INTO dure_outbox (position, bucket, destination, id, source, type, key, time, schema_version, correlation_id, data)
     VALUES (-5, 3, 'topic', 'by-hand', 'operator', 'counted', 'by-hand', 0, 1, 'c', '77')`,
  )
  await relay.flush()
  assert.deepEqual([got.at(-1)!.id, got.length], ['by-hand', 31])
})

check('large messages: a batch is bounded by its bytes as well', async (place) => {
  const { got, deliver } = collector()
  const sizes: number[] = []
  const relay = place.relay(
    async (messages) => {
      sizes.push(messages.length)
      await deliver(messages)
    },
    { limits: { bytes: 50_000 } },
  )
  await relay.flush()
  await place.transaction(async (client) => {
    for (let n = 0; n < 40; n++) await publishLarge(client, n)
  })
  await relay.flush()
  assert.deepEqual(
    got.map(({ id }) => Number(id)),
    Array.from({ length: 40 }, (_, n) => n),
  )
  assert.deepEqual(
    sizes,
    Array.from({ length: 8 }, () => 5),
  )
})

function publishLarge(client: Parameters<typeof publish>[0], n: number): Promise<void> {
  return publish(client, { type: 'large', key: 'same', data: 'x'.repeat(10_000), id: String(n) })
}

/** The real world, whose clock can be moved: what a process sees that was frozen. */
function frozenFor(): { readonly runtime: Runtime; readonly pass: (ms: number) => void } {
  const runtime = realRuntime()
  let passed = 0
  return {
    runtime: { ...runtime, clock: { ...runtime.clock, monotonic: () => runtime.clock.monotonic() + passed } },
    pass: (ms) => void (passed += ms),
  }
}

check('what is in hand when the lease has run out is put back, and nothing that was read ahead overtakes it', async (place) => {
  const { runtime, pass } = frozenFor()
  const { got, deliver } = collector()
  await place.publish(...numbered(0, 100, () => 'same'))
  let attempts = 0
  const relay = place.relay(
    async (messages) => {
      // The second batch fails, and while it waits to be tried again the time is up; the third has been read meanwhile.
      if (++attempts === 2) {
        pass(60_000)
        throw new Error('connection refused')
      }
      await deliver(messages)
    },
    { runtime, limits: { batch: 10, backoff: [1, 1], rescan: 10 ** 9 } },
  )
  await relay.flush()
  assert.deepEqual(
    numbers(got),
    Array.from({ length: 100 }, (_, n) => n),
  )
  assert.ok(attempts > 10)
})

check('the database killed and started under load: nothing that was committed is lost, nothing overtakes', async (place) => {
  const { got, deliver } = collector()
  const log = listening()
  const relay = place.relay(deliver, { log, limits: { batch: 50, backoff: [1, 50] } })
  const committed: number[] = []
  let going = true
  let n = 0
  const publisher = async (key: string): Promise<void> => {
    while (going) {
      const number = n++
      try {
        await place.publish({ type: 'counted', key, data: number, id: String(number) })
        committed.push(number)
      } catch {
        // Whether this one was committed is not known; the next waits until the server is back.
        await place.pool.query('SELECT 1').catch(() => new Promise((resolve) => setTimeout(resolve, 10)))
      }
    }
  }
  const publishers = Promise.all(['a', 'b', 'c', 'd'].map(publisher))
  for (const end of ['crash', 'stop', 'crash'] as const) {
    const before = got.length
    await pollUntil(() => got.length > before + 50)
    await place.server[end]()
    await place.server.start()
  }
  const before = got.length
  await pollUntil(() => got.length > before + 50)
  going = false
  await publishers
  await relay.flush()
  const ids = new Set(got.map(({ id }) => Number(id)))
  assert.deepEqual(
    committed.filter((number) => !ids.has(number)),
    [],
    'lost',
  )
  assertOrdered(got, ids.size)
  assert.ok(log.warnings.some((text) => /lost its database/.test(text)))
  await relay.stop()
  assert.equal(await place.left(), 0)
})

check('a relay that starts before its database is there begins when it is', async (place) => {
  await place.publish(...numbered(0, 5))
  await place.server.stop()
  const { got, deliver } = collector()
  const relay = place.relay(deliver, { limits: { backoff: [1, 20] } })
  await place.server.start()
  await relay.flush()
  assertOrdered(got, 5)
})

check('sessions that are ended one by one: each is followed by another', async (place) => {
  const { got, deliver } = collector()
  const relay = place.relay(deliver, { name: 'ended', limits: { batch: 7, backoff: [1, 10] } })
  for (let round = 0; round < 5; round++) {
    await place.publish(...numbered(round * 20, 20))
    await pollUntil(async () => {
      const { rowCount } = await place.pool.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dure relay ended'`,
      )
      return rowCount === 1
    })
  }
  await relay.flush()
  assertOrdered(got, 100)
})

check('a relay that has stopped keeps no lanes, though its delivery never ends', async (place) => {
  const { got, deliver } = collector()
  let begun = false
  const never = Promise.withResolvers<void>()
  place.closing(async () => never.resolve())
  const stuck = place.relay(
    () => {
      begun = true
      return never.promise
    },
    { limits: { lease: 400, patience: 3_600_000 } },
  )
  await place.publish(...numbered(0, 1))
  await pollUntil(() => begun)
  // The one that waits for its lanes tells the other so, again and again.
  const next = place.relay(deliver, { limits: { lease: 400 } })
  await pollUntil(() => next.state().relays === 2)
  await stuck.stop({ timeout: 10 })
  await next.flush()
  assert.equal(got.length, 1)
})
