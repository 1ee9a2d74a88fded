import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import * as fc from 'fast-check'
import { z } from 'zod'
import { CallError, command, contract, event } from '../contract/contract.ts'
import { elsewhere, noSql, testAdapter } from '../data/adapter.conformance.ts'
import { database, type ParkedMessage, type Store } from '../data/data.ts'
import { UNPARTITIONED } from '../data/internal.ts'
import { embeddedBroker } from '../messaging/messaging.ts'
import { deadLetters } from '../messaging/internal.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { createTidying, retentionOf, type RetentionOptions } from './retention.ts'
import { until } from './rig.test-support.ts'
import { service, start, system } from './service.ts'

const DAY = 86_400_000
/** Where a server's clock is the store's, nobody moves it. */
const served = elsewhere !== false && noSql === false && elsewhere

/** Whether a few milliseconds have passed, by the real clock. */
function ticked(): () => boolean {
  const { monotonic } = realRuntime().clock
  const began = monotonic()
  return () => monotonic() > began + 5
}

/** A store whose time goes on when it is told to. */
async function openStore(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-tidying-'))
  const real = realRuntime()
  let ahead = 0
  const clock = { now: () => real.clock.now() + ahead, monotonic: () => real.clock.monotonic() + ahead }
  const runtime = { ...real, clock }
  const store: Store = await (await testAdapter({ directory, runtime, log: silentLogger() })).open('test', { migrations: {} })
  t.after(async () => {
    await store.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const letters = deadLetters({ store, runtime, auditRetention: Infinity })
  // Rounds are begun by the tests alone.
  const still = { ...runtime, timers: { ...runtime.timers, after: () => ({ cancel: () => {} }) } }
  const tidying = (given: RetentionOptions = {}) =>
    createTidying({
      ...{ store, letters, retention: retentionOf('test', given), inboxRetention: 10 * DAY },
      ...{ runtime: still, log: silentLogger(), every: 1 },
    })
  const answered = (key: string, body = '1'): Promise<unknown> =>
    store.transaction((tx) =>
      store.records.idempotency.answer(tx, {
        ...{ operation: 'go', key, fingerprint: 'f', run: key, owner: store.member },
        ...{ outcome: 'answered', body },
      }),
    )
  const died = (id: string): Promise<unknown> =>
    store.transaction((tx) => store.records.parked.add(tx, [deadAt(id, clock.now())], undefined))
  const knows = async (key: string): Promise<boolean> =>
    (await store.records.idempotency.find({ operation: 'go', key })) !== undefined
  return { store, runtime, letters, tidying, answered, died, knows, pass: (ms: number) => void (ahead += ms) }
}

function deadAt(id: string, at: number): ParkedMessage {
  return {
    ...{
      consumer: 'test/heard',
      partition: UNPARTITIONED,
      revision: 0,
      key: id,
      state: 'dead',
      started: 1,
      finished: 1,
      crashes: 0,
      wait: 0,
      error: 'no',
    },
    ...{ firstFailure: at, lastFailure: at, letter: id, group: 'g' },
    message: {
      ...{ id, source: 's', type: 'heard', key: id, time: at, schemaVersion: '1.0.0', correlationId: 'c', data: '{}' },
      ...{ causationId: undefined, traceparent: undefined },
    },
  } as unknown as ParkedMessage
}

test(
  'nothing that is needed is removed, and all that is too old or too much is',
  { timeout: 60_000, skip: served },
  async (t) => {
    const { tidying, answered, died, knows, letters, pass } = await openStore(t)
    let made = 0
    const ages = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 12 })
    const limits = fc.tuple(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 8 }))
    await fc.assert(
      fc.asyncProperty(ages, limits, async (given, [least, more, rows]) => {
        const bounds = { atLeast: least * DAY, atMost: (least + more) * DAY, rows }
        const oldest = given.toSorted((a, b) => b - a)
        const ids: { readonly id: string; readonly age: number }[] = []
        for (const [i, age] of oldest.entries()) {
          const id = `n${made++}`
          ids.push({ id, age })
          await answered(id)
          await died(id)
          // So that those of one day are told apart, and none is at a bound.
          pass((age - (oldest[i + 1] ?? 0)) * DAY + 1)
        }
        pass(DAY / 2)
        const tidy = tidying({ keys: bounds, deadLetters: bounds })
        await tidy.round()
        await tidy.stop()
        const dead = new Set((await letters.list({ limit: 1_000 })).map(({ id }) => id))
        for (const [i, { id, age }] of ids.entries()) {
          const old = age + 0.5
          const newer = ids.length - i - 1
          const stays = old < least || (old < least + more && newer < rows)
          assert.deepEqual(
            [await knows(id), dead.has(id)],
            [stays, stays],
            `${id}, ${old} days old, ${newer} newer, ${JSON.stringify(bounds)}`,
          )
        }
        pass(1_000 * DAY)
        const clean = tidying({ keys: { atMost: DAY }, deadLetters: { atMost: DAY } })
        await clean.round()
        await clean.stop()
        const left = Object.fromEntries((await clean.retained()).map((one) => [one.part, one.rows]))
        assert.deepEqual([left['keys'], left['deadLetters']], [0, 0])
      }),
      { numRuns: 25 },
    )
  },
)

test('a dead letter that is too old is discarded, and the audit says so', { skip: served }, async (t) => {
  const { tidying, died, letters, pass } = await openStore(t)
  await died('m-1')
  pass(31 * DAY)
  const tidy = tidying({ deadLetters: { atMost: 30 * DAY } })
  await tidy.round()
  await tidy.stop()
  assert.deepEqual(await letters.list(), [])
  const [change] = await letters.audit()
  assert.deepEqual([change?.action, change?.by, change?.reason], ['discard', 'retention', 'Older than 30 days'])
})

test('an audit that is to be kept for longer than it is by default outlives later decisions', { skip: served }, async (t) => {
  const { tidying, died, letters, pass } = await openStore(t)
  const tidy = tidying({ audit: { atMost: 2_000 * DAY } })
  for (const id of ['m-1', 'm-2']) {
    await died(id)
    await letters.discard({}, `the end of ${id}`)
    pass(500 * DAY)
    await tidy.round()
  }
  await tidy.stop()
  assert.deepEqual(
    (await letters.audit()).map(({ reason }) => reason),
    ['the end of m-2', 'the end of m-1'],
  )
})

test('of those who share a store one tidies at a time', { skip: served }, async (t) => {
  const { store, runtime, answered, knows, pass } = await openStore(t)
  const turn = (): Promise<boolean> =>
    store.transaction((tx) => store.records.upkeep.turn(tx, { task: 'retention', every: 60_000 }))
  assert.deepEqual((await Promise.all([turn(), turn(), turn()])).filter(Boolean).length, 1)
  await answered('a')
  pass(3 * DAY)
  const late = createTidying({
    ...{ store, runtime, log: silentLogger(), every: 60_000, retention: retentionOf('test'), inboxRetention: DAY },
    letters: deadLetters({ store, runtime }),
  })
  assert.equal(await turn(), true)
  await late.round()
  assert.equal(await knows('a'), true)
  pass(60_001)
  await late.round()
  await late.stop()
  assert.equal(await knows('a'), false)
})

test('under load every part is held within its bound', { timeout: 60_000 }, async (t) => {
  const { tidying, answered, died, pass } = await openStore(t)
  const bounds = { atLeast: 1, atMost: 2 * DAY, rows: 40 }
  const tidy = tidying({ keys: bounds, deadLetters: bounds, audit: bounds })
  for (let round = 0; round < 4; round++) {
    await Promise.all(Array.from({ length: 100 }, (_, n) => Promise.all([answered(`${round}-${n}`), died(`${round}-${n}`)])))
    pass(2)
    await until(ticked())
    await tidy.round()
  }
  const found = Object.fromEntries((await tidy.retained()).map(({ part, rows }) => [part, rows]))
  await tidy.stop()
  assert.deepEqual([found['keys'], found['deadLetters']], [40, 40])
  // Those of one moment go together, and what the last round has decided is counted in the next.
  assert.ok(found['audit']! <= 40 + 100, String(found['audit']))
})

test('what is too large is removed, the oldest first, and never what is too young', { timeout: 60_000 }, async (t) => {
  const { tidying, answered, died, knows, letters } = await openStore(t)
  for (let n = 0; n < 20; n++) {
    await answered(`k-${n}`, 'x'.repeat(1_000))
    await died(`m-${n}`)
    await until(ticked())
  }
  const sizes = async (tidy: ReturnType<typeof tidying>) =>
    Object.fromEntries((await tidy.retained()).map(({ part, rows, bytes }) => [part, { rows, bytes }]))
  const young = tidying({ keys: { bytes: 1 }, deadLetters: { bytes: 1 } })
  await young.round()
  await young.stop()
  const all = await sizes(young)
  assert.deepEqual([all['keys']?.rows, all['deadLetters']?.rows], [20, 20])
  assert.ok(all['keys']!.bytes >= 20_000 && all['deadLetters']!.bytes >= 20 * 50, JSON.stringify(all))
  await until(ticked())
  const half = (part: string): { atLeast: number; bytes: number } => ({ atLeast: 1, bytes: all[part]!.bytes / 2 })
  const tidy = tidying({ keys: half('keys'), deadLetters: half('deadLetters') })
  await tidy.round()
  await tidy.stop()
  const left = await sizes(tidying())
  // They are not all of one size: the names have one figure more from ten on.
  for (const part of ['keys', 'deadLetters']) assert.ok(Math.abs(left[part]!.rows - 10) <= 1, JSON.stringify(left))
  assert.deepEqual([await knows('k-0'), await knows('k-19')], [false, true])
  const reasons = (await letters.audit({ limit: 50 })).map(({ reason }) => reason)
  assert.match(String(reasons[0]), /^More than \d+ bytes$/)
})

test('of marks that are too many those go at once whose time is over, and no other', { timeout: 60_000 }, async (t) => {
  const { store, runtime, tidying } = await openStore(t)
  const mark = (prefix: string, age: number): Promise<unknown> =>
    store.transaction((tx) => {
      const marks = Array.from({ length: 30 }, (_, n) => ({ consumer: 'test/heard', messageId: `${prefix} ${n}` }))
      return store.records.inbox.mark(tx, { marks, at: runtime.clock.now() - age })
    })
  await mark('old', 11 * DAY)
  await mark('young', 9 * DAY)
  const count = async (given: RetentionOptions): Promise<number> => {
    const tidy = tidying(given)
    await until(ticked())
    await tidy.round()
    await tidy.stop()
    return (await tidying().retained()).find(({ part }) => part === 'inbox')!.rows
  }
  assert.equal(await count({}), 60, 'within its bound it is left to itself')
  assert.equal(await count({ inbox: { rows: 40 } }), 30)
  assert.equal(await count({ inbox: { bytes: 1 } }), 30)
})

for (const outbox of [{ rows: 3 }, { bytes: 20 }])
  test(
    `publishing is refused once the outbox is full (${JSON.stringify(outbox)}), and goes on when the broker has taken it`,
    { timeout: 30_000, skip: elsewhere },
    async (t) => {
      const Said = event('said', { schema: z.object({ n: z.int() }), key: ({ n }) => String(n) })
      const Source = contract('source', {
        version: '1.0.0',
        owner: 'tests',
        operations: { say: command({ input: z.object({ n: z.int() }) }) },
        events: [Said],
      })
      const source = service(Source, {
        database: database({ migrations: {} }),
        retention: { outbox },
        handlers: { say: ({ n }, { database: own }) => own.transaction((tx) => tx.publish(Said, { n })) },
      })
      const directory = mkdtempSync(join(tmpdir(), 'dure-full-'))
      let away = true
      const running = await start(
        system('full', {
          services: [source],
          broker: async (world) => {
            const broker = await embeddedBroker()(world)
            const publish: typeof broker.publish = async (messages) => {
              if (away) throw new CallError('UNAVAILABLE', 'The broker is away')
              return broker.publish(messages)
            }
            return { ...broker, publish }
          },
        }),
        { directory, log: silentLogger() },
      )
      t.after(async () => {
        await running.stop()
        rmSync(directory, { recursive: true, force: true })
      })
      const { say } = running.client(Source)
      for (const n of [1, 2, 3]) await say({ n })
      await assert.rejects(say({ n: 4 }), { code: 'RESOURCE_EXHAUSTED' })
      away = false
      for (let refused = true; refused;)
        refused = await say({ n: 4 }).then(
          () => false,
          () => true,
        )
    },
  )

test('bounds that cannot be kept are refused, and one that is given moves the other', () => {
  assert.throws(() => retentionOf('s', { keys: { rows: 0 } }), /Cannot keep "keys" of service "s": "rows" is 0; give/)
  assert.throws(
    () => retentionOf('s', { audit: { atLeast: 2 * DAY, atMost: DAY } }),
    /Cannot keep "audit" of service "s": "atMost" is/,
  )
  assert.throws(() => retentionOf('s', { outbox: { rows: Number.NaN } }), TypeError)
  assert.deepEqual(retentionOf('s', { keys: { atMost: 1_000 } }).keys, {
    ...{ atLeast: 1_000, atMost: 1_000 },
    ...{ rows: 1_000_000, bytes: 2 ** 30 },
  })
  assert.throws(() => retentionOf('s', { inbox: { bytes: 0 } }), /Cannot keep "inbox" of service "s": "bytes" is 0; give/)
  assert.equal(retentionOf('s', { keys: { atLeast: 9 * DAY } }).keys.atMost, 9 * DAY)
})
