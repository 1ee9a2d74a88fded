import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CallError } from '../../contract/contract.ts'
import type { SqlStore } from '../../data/data.ts'
import { elsewhere, noSql, rows } from '../../data/adapter.conformance.ts'
import { until } from '../numbered.conformance.ts'
import { assertEffects, consumerOf, Counted, makeRig, messageOf, QUICK, type Rig } from '../consumer.test-support.ts'
import { queue } from '../queue.ts'
import { z } from 'zod'

test('a message that fails a few times holds its own key only, and order is kept', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t)
  let failures = 0
  const consumer = await rig.start([
    rig.effect((n, { message }) => {
      if (message.key === 'a' && n === 2 && failures < 3) {
        failures++
        throw new Error('not yet')
      }
    }),
  ])
  await rig.publish('a', 1, 2, 3, 4)
  await until(() => failures > 0)
  await rig.publish('b', 1, 2)
  await rig.publish('a', 5)
  await rig.quiet(consumer)
  await assertEffects(rig, { a: [1, 2, 3, 4, 5], b: [1, 2] })
  assert.equal(failures, 3)
  const { handled, parked, dead } = consumer.status()
  assert.deepEqual({ handled, dead }, { handled: 7, dead: 0 })
  assert.ok(parked >= 3, `${parked} parked`)
})

test(
  'what is said beside the data is there at every try, and data that are not JSON are dead at once',
  { timeout: 60_000 },
  async (t) => {
    const rig = await makeRig(t)
    const seen: unknown[] = []
    const consumer = await rig.start([
      rig.effect((_, { message: { headers, replyTo, sequence, contentType } }) => {
        seen.push({ headers, replyTo, sequence, contentType })
        if (seen.length < 3) throw new Error('not yet')
      }),
    ])
    const said = { headers: { by: 'ada' }, replyTo: 'answers', sequence: 7, contentType: 'application/vnd.shop+json' }
    const data = JSON.stringify({ key: 'a', n: 1 })
    await rig.broker.publish([messageOf(Counted, 'a', data, said), messageOf(Counted, 'b', data, { contentType: 'avro/binary' })])
    await until(() => consumer.status().dead === 1)
    await rig.quiet(consumer)
    assert.deepEqual(seen, [said, said, said])
    const [letter] = await consumer.deadLetters.list()
    assert.match(letter!.error, /its data are "avro\/binary", and "application\/json" is needed/)
    assert.equal(letter!.attempts, 1)
  },
)

test('other keys of the same partition go on while one is parked', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t)
  await rig.broker.declareTopic('counted', { partitions: 1 })
  const consumer = await rig.start([
    rig.effect((_, { message }) => {
      if (message.key === 'bad') throw new Error('never')
    }),
  ])
  await rig.publish('bad', 1)
  await rig.publish('good', 1, 2)
  await until(() => consumer.status().dead === 1)
  await rig.publish('bad', 2)
  await rig.publish('good', 3)
  await rig.quiet(consumer)
  await assertEffects(rig, { good: [1, 2, 3], bad: [] })
  assert.equal(consumer.status().dead, 2)
})

test('a message that was parked without an answer is not left in the table', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t)
  let lost = 0
  let parks = false
  const store: SqlStore = {
    ...rig.store,
    records: {
      ...rig.store.records,
      parked: {
        ...rig.store.records.parked,
        add: (tx, messages, fence) => {
          parks = true
          return rig.store.records.parked.add(tx, messages, fence)
        },
      },
    },
    transaction: async (work, limits) => {
      parks = false
      const result = await rig.store.transaction(work, limits)
      if (!parks || lost > 0) return result
      lost++
      throw new CallError('UNAVAILABLE', 'The connection was lost at the commit')
    },
  }
  const reaction = rig.effect((n) => {
    if (n === 1 && lost === 0) throw new Error('not yet')
  })
  const consumer = await consumerOf({ store, broker: rig.broker, reactions: [reaction] })
  await rig.publish('a', 1, 2)
  await until(async () => (await rig.effects()).get('a')?.length === 2)
  await rig.quiet(consumer)
  assert.equal(lost, 1)
  await assertEffects(rig, { a: [1, 2] })
  assert.equal(await rows.count(rig.store, 'dure_parked'), 0)
  await consumer.stop()
})

test('whatever fails and however often, effects happen once and every key in order', { timeout: 120_000 }, async (t) => {
  const rig = await makeRig(t)
  let plan = new Map<string, number>()
  const consumer = await rig.start(
    [
      rig.effect((n, { message }, tx) => {
        const left = plan.get(`${message.key}/${n}`) ?? 0
        if (left === 0) return
        plan.set(`${message.key}/${n}`, left - 1)
        // A handler can fail, and so can what it has left for the end of its transaction.
        if (left % 2 === 0) throw new Error('in the handler')
        tx.beforeCommit(() => Promise.reject(new Error('before the commit')))
      }),
    ],
    { batch: 16 },
  )
  let run = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({ key: fc.integer({ min: 0, max: 3 }), failures: fc.integer({ min: 0, max: 3 }), twice: fc.boolean() }),
        {
          minLength: 1,
          maxLength: 40,
        },
      ),
      async (script) => {
        const name = (key: number): string => `${run}.${key}`
        run++
        plan = new Map(script.map(({ key, failures }, n) => [`${name(key)}/${n}`, failures]))
        for (const [n, { key, twice }] of script.entries()) {
          const message = messageOf(Counted, name(key), JSON.stringify({ key: name(key), n }))
          await rig.broker.publish(twice ? [message, message] : [message])
        }
        await rig.quiet(consumer)
        assert.deepEqual(
          (await consumer.deadLetters.list()).map(({ error }) => error),
          [],
        )
        const expected: Record<string, number[]> = {}
        for (const [n, { key }] of script.entries()) (expected[name(key)] ??= []).push(n)
        await assertEffects(rig, expected)
      },
    ),
    { numRuns: 25 },
  )
  assert.equal(consumer.status().dead, 0)
  assert.ok(consumer.status().duplicates > 0)
})

test('a message that comes twice has one effect', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t)
  const consumer = await rig.start([rig.effect()])
  const message = messageOf(Counted, 'a', JSON.stringify({ key: 'a', n: 1 }))
  await rig.broker.publish([message, message])
  await rig.broker.publish([message])
  await rig.quiet(consumer)
  await consumer.stop()
  await rig.broker.seek({ group: 'test/count', topic: 'counted', to: 'beginning' })
  const again = await rig.start([rig.effect()])
  await rig.quiet(again)
  await assertEffects(rig, { a: [1] })
  assert.equal(consumer.status().duplicates, 2)
  assert.equal(again.status().duplicates, 3)
})

test('when the disk is full nothing is lost, doubled or reordered', { timeout: 60_000, skip: elsewhere }, async (t) => {
  const rig = await makeRig(t)
  await rig.store.transaction(async (tx) => void (await tx.run('CREATE TABLE ballast (bytes BLOB)')))
  let full = 0
  const consumer = await rig.start([
    rig.effect(async (n, _, tx) => {
      if (n !== 2 || full++ >= 2) return
      await tx.all('PRAGMA max_page_count = 1')
      try {
        // The engine gives up the whole transaction, with everybody who shares it.
        await tx.run('INSERT INTO ballast (bytes) VALUES (zeroblob(1000000))')
      } finally {
        await tx.all('PRAGMA max_page_count = 1000000')
      }
    }),
  ])
  await rig.publish('a', 1, 2, 3)
  await rig.publish('b', 1)
  await rig.quiet(consumer)
  await assertEffects(rig, { a: [1, 2, 3], b: [1] })
  assert.equal(full, 3)
})

test(
  'an effect that fails only at the commit is parked like any other, and nothing overtakes it',
  { timeout: 60_000, skip: noSql },
  async (t) => {
    const rig = await makeRig(t, {
      '2': 'CREATE TABLE parents (id INTEGER PRIMARY KEY)',
      '3': 'CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)',
    })
    const consumer = await rig.start([
      rig.effect(async (n, { message }, tx) => {
        if (message.key === 'a' && n === 1) await tx.run('INSERT INTO children (id, parent) VALUES (1, 77)')
      }),
    ])
    await rig.publish('a', 1, 2)
    await rig.publish('b', 1, 2)
    await until(() => consumer.status().dead === 2)
    await rig.quiet(consumer)
    await assertEffects(rig, { a: [], b: [1, 2] })
    await rig.store.transaction(async (tx) => void (await tx.run('INSERT INTO parents (id) VALUES (77)')))
    await consumer.deadLetters.retry()
    await until(() => consumer.status().dead === 0)
    await rig.quiet(consumer)
    await assertEffects(rig, { a: [1, 2], b: [1, 2] })
  },
)

test('stop finishes what is in hand; a later start continues with what was parked, in order', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t)
  let broken = true
  let inside = 0
  let finished = 0
  const reaction = rig.effect(
    async (n, { message }) => {
      inside++
      await new Promise((resolve) => setImmediate(resolve))
      finished++
      if (broken && message.key === 'a' && n === 1) throw new Error('not today')
    },
    { retry: { ...QUICK, attempts: 1000, max: 2 } },
  )
  const consumer = await rig.start([reaction])
  await rig.publish('a', 1, 2, 3)
  await rig.publish('b', ...Array.from({ length: 50 }, (_, n) => n))
  await until(() => consumer.status().waiting > 0)
  await Promise.all([consumer.stop(), consumer.stop()])
  assert.equal(finished, inside)
  await rig.publish('a', 4)
  broken = false
  const next = await rig.start([reaction])
  await rig.quiet(next)
  await assertEffects(rig, { a: [1, 2, 3, 4], b: Array.from({ length: 50 }, (_, n) => n) })
})

test('what can never be read is dead at once, with the reason', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t)
  let calls = 0
  const consumer = await rig.start([rig.effect(() => void calls++)])
  const good = JSON.stringify({ key: 'x', n: 1 })
  await rig.broker.publish([
    messageOf(Counted, 'malformed', '{"key":'),
    messageOf(Counted, 'mismatch', JSON.stringify({ key: 'x', n: 'many' })),
    messageOf(Counted, 'future', good, { schemaVersion: 7 }),
    messageOf(Counted, 'past', good, { schemaVersion: 0 }),
    messageOf(Counted, 'nested', '['.repeat(100_000)),
    messageOf(Counted, 'fine', good),
  ])
  await rig.quiet(consumer)
  await until(() => consumer.status().dead === 5)
  assert.equal(calls, 1)
  const reasons = new Map(
    (await consumer.deadLetters.list()).map(({ message, error, attempts }) => [message.key, { error, attempts }]),
  )
  assert.match(reasons.get('malformed')!.error, /not JSON/)
  assert.match(reasons.get('mismatch')!.error, /at "n"/)
  assert.match(reasons.get('future')!.error, /version 7: this program knows versions 1 to 1/)
  assert.match(reasons.get('past')!.error, /version 0/)
  assert.equal(reasons.get('malformed')!.attempts, 1)
})

test('older versions are brought up to date step by step; a missing step says so', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t)
  const now = {
    ...Counted,
    version: 4,
    upcast: {
      2: (old: unknown) => ({ ...(old as object), n: Number((old as { count: string }).count) }),
      3: (old: unknown) => ({ key: (old as { key: string }).key, n: (old as { n: number }).n + 100 }),
    },
  }
  const consumer = await rig.start([rig.effect(undefined, { event: now })])
  await rig.broker.publish([
    messageOf(now, 'a', JSON.stringify({ key: 'a', count: '1' }), { schemaVersion: 2 }),
    messageOf(now, 'a', JSON.stringify({ key: 'a', n: 2 }), { schemaVersion: 3 }),
    messageOf(now, 'a', JSON.stringify({ key: 'a', n: 3 })),
    messageOf(now, 'b', JSON.stringify({ key: 'b', n: 3 }), { schemaVersion: 1 }),
    messageOf(now, 'c', 'null', { schemaVersion: 2 }),
  ])
  await until(() => consumer.status().dead === 2)
  await rig.quiet(consumer)
  await assertEffects(rig, { a: [101, 102, 3], b: [], c: [] })
  const errors = (await consumer.deadLetters.list()).map(({ error }) => error).join('\n')
  assert.match(errors, /no upcast from version 1 to 2/)
  assert.match(errors, /the upcast from version 2 failed/)
})

test(
  'prepare runs before the transaction, keys side by side up to the limit, one key at a time',
  { timeout: 60_000 },
  async (t) => {
    const rig = await makeRig(t)
    await rig.broker.declareTopic('counted', { partitions: 1 })
    const open = new Set<string>()
    let most = 0
    let failures = 0
    const consumer = await rig.start([
      {
        ...rig.effect(undefined, { concurrency: 3 }),
        prepare: async ({ message, data }) => {
          assert.equal(open.has(message.key), false, 'one of a key at a time')
          open.add(message.key)
          most = Math.max(most, open.size)
          await new Promise((resolve) => setImmediate(resolve))
          // The store is free: a transaction of one's own is possible here.
          await rig.store.transaction(async () => {})
          open.delete(message.key)
          if (message.key === 'k1' && failures++ < 2) throw new Error('the other side is away')
          return (data as { n: number }).n * 10
        },
        handle: async ({ message }, tx, prepared) => {
          await rows.insert(tx, 'effects', { key: message.key, n: Number(prepared) })
        },
      },
    ])
    await rig.broker.publish(
      Array.from({ length: 24 }, (_, i) =>
        messageOf(Counted, `k${i % 6}`, JSON.stringify({ key: `k${i % 6}`, n: Math.floor(i / 6) })),
      ),
    )
    await rig.quiet(consumer)
    for (let key = 0; key < 6; key++) await assertEffects(rig, { [`k${key}`]: [0, 10, 20, 30] })
    assert.ok(most > 1, 'keys ran side by side')
    // Retries have hands of their own.
    assert.ok(most <= 6, `${most} at once`)
  },
)

test('what comes again after its effect is not prepared again, and the next of its key is', async (t) => {
  const rig = await makeRig(t)
  const prepared: number[] = []
  const prepare = async ({ data }: { readonly data: unknown }): Promise<void> => void prepared.push((data as { n: number }).n)
  const consumer = await rig.start([rig.effect(undefined, { prepare })])
  const [one, two] = [1, 2].map((n) => messageOf(Counted, 'a', JSON.stringify({ key: 'a', n })))
  await rig.broker.publish([one!])
  await rig.quiet(consumer)
  await rig.broker.publish([one!, two!])
  await rig.quiet(consumer)
  await assertEffects(rig, { a: [1, 2] })
  // A store that looks nothing up hears of the mark within the transaction only.
  const expected = rig.store.records.lookup === undefined ? [1, 1, 2] : [1, 2]
  assert.deepEqual([prepared, consumer.status().duplicates, consumer.status().parked], [expected, 1, 0])
})

test('with too much parked it stops reading and says why; when that is dealt with it goes on', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t)
  let broken = true
  const consumer = await rig.start(
    [
      rig.effect(
        () => {
          if (broken) throw new Error('everything fails')
        },
        { retry: { ...QUICK, attempts: 1 } },
      ),
    ],
    { parked: 5, batch: 4 },
  )
  await rig.broker.declareTopic('counted', { partitions: 1 })
  for (let n = 0; n < 40; n++) await rig.publish(`k${n}`, n)
  await until(() => consumer.status().reasons.length > 0)
  assert.match(consumer.status().reasons[0]!, /reads nothing more: \d+ of its messages are parked, and 5 is the limit/)
  const { dead } = consumer.status()
  assert.ok(dead >= 5 && dead <= 5 + 4 * 8, `${dead} dead`)
  broken = false
  assert.equal(await consumer.deadLetters.retry(), dead)
  await rig.quiet(consumer)
  assert.equal((await rig.effects()).size, 40)
  assert.deepEqual(consumer.status().reasons, [])
})

const Jobs = queue('jobs', { schema: z.object({ key: z.string(), n: z.int() }) })

test('work of a queue is done once, tried again, and buried in the queue', { timeout: 60_000 }, async (t) => {
  const rig = await makeRig(t)
  const tries = new Map<number, number>()
  const consumer = await rig.start([
    rig.effect(
      (n) => {
        tries.set(n, (tries.get(n) ?? 0) + 1)
        if (n === 1 && tries.get(n)! < 2) throw new Error('once')
        if (n === 2) throw new Error('always')
      },
      { kind: 'queue', event: Jobs, retry: { ...QUICK, attempts: 2 } },
    ),
  ])
  const jobs = [0, 1, 2].map((n) => messageOf(Jobs, '', JSON.stringify({ key: 'a', n })))
  await rig.broker.send([...jobs, jobs[0]!, messageOf(Jobs, '', 'not JSON')])
  await until(() => consumer.status().dead === 2)
  await rig.quiet(consumer)
  assert.deepEqual([...(await rig.effects()).get('a')!].sort(), [0, 1])
  // A try that shared its transaction with one that failed is run again, alone: it counts as one attempt.
  assert.ok(tries.get(1)! >= 2 && tries.get(2)! >= 2, `${[...tries]}`)
  const dead = await consumer.deadLetters.list({ topic: 'jobs' })
  assert.ok(dead.every(({ kind, held }) => kind === 'queue' && held === 0))
  assert.deepEqual(dead.map(({ attempts }) => attempts).sort(), [1, 2])
})

test('work with a key waits behind what failed of it, work that is delayed holds nobody', { timeout: 60_000 }, async (t) => {
  const rig: Rig = await makeRig(t)
  let broken = true
  const consumer = await rig.start([
    rig.effect(
      (n) => {
        if (n === 1 && broken) throw new Error('not yet')
      },
      { kind: 'queue', event: Jobs, retry: { ...QUICK, attempts: 1 } },
    ),
  ])
  const job = (n: number, delay?: number) =>
    messageOf(Jobs, 'a', JSON.stringify({ key: 'a', n }), delay === undefined ? {} : { delay })
  await rig.broker.send([job(5, 3_600_000), job(0, 30)])
  await until(async () => consumer.status().waiting === 1 && (await rig.effects()).get('a')?.length === 1)
  await rig.broker.send([job(1)])
  await until(() => consumer.status().dead === 1)
  await rig.broker.send([job(2), job(3, 5)])
  await until(async () => consumer.status().dead === 2 && (await rig.effects()).get('a')?.includes(3) === true)
  broken = false
  assert.equal(await consumer.deadLetters.retry(), 1)
  await until(async () => (await rig.effects()).get('a')?.length === 4)
  assert.deepEqual((await rig.effects()).get('a'), [0, 3, 1, 2])
})

test(
  'work of one key is done in order, though the one before it is still being prepared, or fails',
  { timeout: 60_000 },
  async (t) => {
    const rig: Rig = await makeRig(t)
    const gate = Promise.withResolvers<void>()
    let begun = 0
    const consumer = await rig.start([
      rig.effect(undefined, {
        ...{ kind: 'queue', event: Jobs, retry: QUICK },
        prepare: async ({ message }) => {
          if (begun++ === 0) await gate.promise
          return message.id
        },
      }),
    ])
    await rig.broker.send(['a', 'a', 'b', 'a', 'b'].map((key, n) => messageOf(Jobs, key, JSON.stringify({ key, n }))))
    await until(async () => (await rig.effects()).get('b')?.length === 2)
    assert.deepEqual([begun, (await rig.effects()).get('a')], [3, undefined])
    gate.reject(new Error('not now'))
    await until(async () => (await rig.effects()).get('a')?.length === 3)
    await rig.quiet(consumer)
    assert.deepEqual(Object.fromEntries(await rig.effects()), { a: [0, 1, 3], b: [2, 4] })
  },
)

test('two reactions to one event are independent; two of one name are refused', { timeout: 60_000 }, async (t) => {
  const rig: Rig = await makeRig(t)
  const reaction = (name: string, fails: boolean) =>
    rig.effect(
      () => {
        if (fails) throw new Error('never')
      },
      { name },
    )
  const consumer = await rig.start([reaction('one', false), reaction('two', true)])
  await rig.publish('a', 1, 2)
  await until(() => consumer.status().dead === 2)
  await rig.quiet(consumer)
  assert.deepEqual((await rig.effects()).get('a'), [1, 2])
  await assert.rejects(rig.start([reaction('one', false), reaction('one', false)]), /two of its reactions are called "topic:one"/)
})
