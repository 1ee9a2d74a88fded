import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { CallError } from '../contract/contract.ts'
import { MESSAGE_LIMITS } from '../contract/internal.ts'
import { elsewhere, noSql } from '../data/adapter.conformance.ts'
import { createOutbox, type Outbox, type OutboxMessage, type SqlValue, type SqlStore } from '../data/data.ts'
import { createLogger, silentLogger } from '../telemetry/telemetry.ts'
import { openAside, type OutboxAside } from './aside.ts'
import type { Broker } from './broker.ts'
import { Counted, messageOf, runtime, storeIn } from './consumer.test-support.ts'
import { deadLetters, type DeadLetters } from './dead-letters/dead-letters.ts'
import { embeddedBroker } from './embedded/embedded.ts'
import { NonRetryableError } from './non-retryable.ts'
import { until } from './numbered.conformance.ts'

type Deliver = (messages: readonly OutboxMessage[]) => Promise<void>
type Fails = (message: OutboxMessage) => unknown

/** A service's outbox and what it sets aside, before a broker that takes what `fails` says nothing against. */
type Rig = {
  readonly store: SqlStore
  readonly directory: string
  /** What the broker has taken, in order. */
  readonly got: OutboxMessage[]
  readonly lines: string[]
  readonly letters: DeadLetters
  readonly aside: () => OutboxAside
  readonly outbox: () => Outbox
  fails: Fails
  /** Refuses a batch naming the first that is wrong, or only says that something is. */
  names: boolean
  readonly publish: (...messages: readonly OutboxMessage[]) => Promise<void>
  readonly start: (deliver?: Deliver, store?: SqlStore, patience?: number) => Promise<void>
  readonly stop: () => Promise<void>
}

async function makeRig(t: TestContext): Promise<Rig> {
  const directory = await mkdtemp(join(tmpdir(), 'dure-aside-'))
  const store = await storeIn(directory)
  const lines: string[] = []
  const log = createLogger({ clock: runtime.clock, write: (line) => void lines.push(line) })
  let running: { readonly outbox: Outbox; readonly aside: OutboxAside } | undefined
  const rig: Rig = {
    ...{ store, directory, got: [], lines, fails: () => undefined, names: true },
    letters: deadLetters({ store, runtime, events: [Counted], changed: () => void running?.aside.reload() }),
    aside: () => running!.aside,
    outbox: () => running!.outbox,
    publish: (...messages) => store.transaction(async (tx) => running!.outbox.append(tx, messages)),
    start: async (deliver = toBroker, over = store, patience = 200) => {
      let taken = 0
      const counted: Deliver = async (messages) => {
        await deliver(messages)
        taken += messages.length
      }
      const of = { store: over, runtime, log, deliver: counted }
      const aside = await openAside({ ...of, taken: () => taken, patience })
      const limits = { backoff: [1, 5] as const, patience }
      running = { aside, outbox: await (store.outbox ?? createOutbox)({ ...of, aside, limits }) }
    },
    stop: async () => {
      await running?.outbox.stop({ timeout: 50 })
      await running?.aside.stop()
      running = undefined
    },
  }
  const toBroker: Deliver = async (messages) => {
    for (const [index, message] of messages.entries()) {
      const error = rig.fails(message)
      if (error === undefined) continue
      throw rig.names && error instanceof CallError
        ? new CallError(error.code, error.message, { details: { index, id: message.id } })
        : error
    }
    rig.got.push(...messages)
  }
  t.after(async () => {
    await rig.stop()
    await store.stop()
    await rm(directory, { recursive: true, force: true })
  })
  return rig
}

function count(key: string, n: number, more: Partial<OutboxMessage> = {}): OutboxMessage {
  return { ...messageOf(Counted, key, JSON.stringify({ key, n })), destination: 'topic', ...more }
}

const numbersOf = (messages: readonly OutboxMessage[], key: string): readonly number[] =>
  messages.filter((one) => one.key === key).map(({ data }) => (JSON.parse(data) as { n: number }).n)
const numbers = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, at) => from + at)
const wrong =
  (key: string, n: number): Fails =>
  (message) =>
    message.key === key && message.data === JSON.stringify({ key, n })
      ? new CallError('INVALID_ARGUMENT', 'It is malformed')
      : undefined
const inOrder = { timeout: 60_000 }

/** Rounds of one message of each of forty keys, some in one transaction. */
async function publishRounds(rig: Rig, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 5) {
    const some = numbers(n, Math.min(to, n + 5))
    await rig.publish(...some.flatMap((one) => numbers(0, 40).map((key) => count(`key-${key}`, one))))
  }
}

function assertOthers(rig: Rig, to: number): void {
  for (const key of numbers(0, 40)) {
    if (key !== 7) assert.deepEqual(numbersOf(rig.got, `key-${key}`), numbers(0, to), `key-${key}`)
  }
}

for (const names of [true, false]) {
  test(`one that is refused among thousands holds its key alone (${names ? 'named' : 'not named'})`, inOrder, async (t) => {
    const rig = await makeRig(t)
    rig.names = names
    rig.fails = wrong('key-7', 20)
    await rig.start()
    await publishRounds(rig, 0, 50)
    await rig.outbox().flush()
    assertOthers(rig, 50)
    assert.deepEqual(numbersOf(rig.got, 'key-7'), numbers(0, 20))
    const [letter, ...more] = await rig.letters.list()
    assert.deepEqual(
      [more.length, letter!.kind, letter!.consumer, letter!.message.key, letter!.held, letter!.attempts, letter!.error],
      [0, 'outbox', 'test/outbox', 'key-7', 29, 1, 'CallError: It is malformed'],
    )
    const [reading] = rig.aside().readings()
    assert.deepEqual([reading!.deadLetters, reading!.held, reading!.waiting, rig.outbox().depth()], [1, 29, 0, 0])
    assert.equal(rig.lines.filter((line) => line.includes('A message')).length, 1, 'a line for the key')

    await rig.stop()
    await rig.start()
    await publishRounds(rig, 50, 60)
    await rig.outbox().flush()
    assertOthers(rig, 60)
    assert.equal((await rig.letters.list())[0]!.held, 39)

    rig.fails = () => undefined
    assert.equal(await rig.letters.retry({ ids: [letter!.id] }), 1)
    await until(() => rig.aside().empty())
    assert.deepEqual(numbersOf(rig.got, 'key-7'), numbers(0, 60))
    await publishRounds(rig, 60, 61)
    await rig.outbox().flush()
    assert.deepEqual(numbersOf(rig.got, 'key-7'), numbers(0, 61))
    assert.equal(rig.got.length, 40 * 61, 'once each')
  })
}

test('one that is refused again is dead again; edited it goes, and what waited behind it follows', inOrder, async (t) => {
  const rig = await makeRig(t)
  rig.fails = wrong('a', 1)
  await rig.start()
  await rig.publish(...numbers(0, 4).map((n) => count('a', n)))
  await rig.outbox().flush()
  const [letter] = await rig.letters.list()
  await rig.letters.retry()
  await until(async () => (await rig.letters.list())[0]?.attempts === 1 && rig.aside().count().waiting === 0)
  await assert.rejects(rig.letters.edit(letter!.id, '{"key":"b","n":1}', 'a try'), { code: 'INVALID_ARGUMENT' })
  await rig.letters.edit(letter!.id, '{"key":"a","n":11}', 'mistyped', 'kim')
  await rig.letters.retry({}, 'kim')
  await until(() => rig.aside().empty())
  assert.deepEqual(numbersOf(rig.got, 'a'), [0, 11, 2, 3])
})

test('one that is discarded is gone, and what waited behind it goes on', inOrder, async (t) => {
  const rig = await makeRig(t)
  rig.fails = wrong('a', 1)
  await rig.start()
  await rig.publish(...numbers(0, 4).map((n) => count('a', n)))
  await rig.outbox().flush()
  assert.equal(await rig.letters.discard({ consumer: 'test/outbox' }, 'nobody wants it', 'kim'), 1)
  await until(() => rig.aside().empty())
  await rig.publish(count('a', 4))
  await rig.outbox().flush()
  assert.deepEqual(numbersOf(rig.got, 'a'), [0, 2, 3, 4])
  assert.deepEqual(
    (await rig.letters.audit()).map(({ action, consumer, by }) => [action, consumer, by]),
    [['discard', 'test/outbox', 'kim']],
  )
})

test('work that is refused holds nobody', inOrder, async (t) => {
  const rig = await makeRig(t)
  rig.fails = wrong('a', 1)
  await rig.start()
  await rig.publish(...numbers(0, 4).map((n) => count('a', n, { destination: 'queue', type: 'print', delay: 5 })), count('a', 9))
  await rig.outbox().flush()
  assert.deepEqual(numbersOf(rig.got, 'a'), [0, 2, 3, 9])
  rig.fails = () => undefined
  assert.equal(await rig.letters.retry(), 1)
  await until(() => rig.aside().empty())
  assert.deepEqual([rig.got.at(-1)!.destination, rig.got.at(-1)!.delay, numbersOf(rig.got, 'a')], ['queue', 5, [0, 2, 3, 9, 1]])
})

test('set aside and not told of it: nothing is lost, doubled or out of order', inOrder, async (t) => {
  const rig = await makeRig(t)
  rig.fails = wrong('a', 2)
  let unanswered = 0
  const store: SqlStore = {
    ...rig.store,
    transaction: async (work, limits) => {
      const result = await rig.store.transaction(work, limits)
      if (unanswered++ % 2 === 0) throw new CallError('UNAVAILABLE', 'The connection was lost at the commit')
      return result
    },
  }
  await rig.start(undefined, store).catch(() => rig.start(undefined, store))
  for (const n of numbers(0, 6)) await rig.publish(count('a', n), count('b', n)).catch(() => {})
  await rig.outbox().flush()
  assert.deepEqual(numbersOf(rig.got, 'b'), numbers(0, 6))
  assert.deepEqual([numbersOf(rig.got, 'a'), (await rig.letters.list())[0]!.held], [[0, 1], 3])
  await rig.stop()
  rig.fails = () => undefined
  await rig.start()
  await rig.letters.retry()
  await until(() => rig.aside().empty())
  assert.deepEqual(numbersOf(rig.got, 'a'), numbers(0, 6))
})

test('a broker that is down sets nobody aside but who is wrong; when it is back all go in order', inOrder, async (t) => {
  const rig = await makeRig(t)
  let asked = 0
  rig.fails = (message) => {
    asked++
    return wrong('key-7', 0)(message) ?? new CallError('UNAVAILABLE', 'The broker is down')
  }
  // Whose first batch is one message of many would set it aside on suspicion after a while, as it should.
  await rig.start(undefined, undefined, 60_000)
  await publishRounds(rig, 0, 5)
  await until(async () => asked > 200 && (await rig.letters.list()).length === 1)
  assert.deepEqual([rig.got.length, rig.aside().count().waiting], [0, 0])
  rig.fails = wrong('key-7', 0)
  await rig.outbox().flush()
  assertOthers(rig, 5)
  assert.deepEqual([rig.aside().count().dead, rig.got.length], [5, 39 * 5])
})

for (const [what, error] of [
  ['fails without saying for good', new Error('no')],
  ['is not taken for now', new CallError('UNAVAILABLE', 'Its partition has no leader')],
  ['is forbidden', new CallError('PERMISSION_DENIED', 'Not this topic')],
] as const) {
  test(`one that ${what} lets others pass, is no dead letter, and goes when it can`, inOrder, async (t) => {
    const rig = await makeRig(t)
    rig.fails = ({ key }) => (key === 'key-7' ? error : undefined)
    await rig.start()
    await rig.publish(count('key-7', 0))
    await publishRounds(rig, 1, 20)
    await until(() => rig.got.length === 39 * 19)
    await rig.outbox().flush()
    assert.deepEqual([numbersOf(rig.got, 'key-7'), await rig.letters.list()], [[], []])
    assert.equal(rig.aside().readings()[0]!.waiting, 20)
    rig.fails = () => undefined
    await until(() => rig.aside().empty())
    assert.deepEqual(numbersOf(rig.got, 'key-7'), numbers(0, 20))
  })
}

test('a message whose delivery never settles lets others pass', inOrder, async (t) => {
  const rig = await makeRig(t)
  let hangs = true
  await rig.start(async (messages) => {
    if (hangs && messages.some(({ key }) => key === 'a')) await new Promise(() => {})
    rig.got.push(...messages)
  })
  await rig.publish(count('a', 0), count('b', 0), count('a', 1))
  await rig.publish(count('b', 1))
  await until(() => numbersOf(rig.got, 'b').length === 2)
  await until(() => rig.aside().count().waiting === 2)
  hangs = false
  await until(() => rig.aside().empty())
  assert.deepEqual(
    [numbersOf(rig.got, 'a'), numbersOf(rig.got, 'b')],
    [
      [0, 1],
      [0, 1],
    ],
  )
})

test('an error that says so is for good, whoever delivers', inOrder, async (t) => {
  const rig = await makeRig(t)
  rig.fails = ({ key }) => (key === 'a' ? new NonRetryableError('no schema fits') : undefined)
  await rig.start()
  await rig.publish(count('a', 0), count('b', 0), count('a', 1))
  await rig.outbox().flush()
  assert.deepEqual([rig.got.length, rig.aside().count().dead], [1, 2])
})

test(
  'rows that no broker takes, from an earlier build or by hand, are dead letters after any restart',
  { ...inOrder, skip: noSql },
  async (t) => {
    const rig = await makeRig(t)
    const broker: Broker = await embeddedBroker({ durability: 'process' })({
      directory: rig.directory,
      runtime,
      log: silentLogger(),
    })
    t.after(() => broker.stop())
    const values: Record<string, SqlValue> = {
      ...{ destination: 'queue', delay: null, source: 'test', type: 'print', key: 'k', time: 1, schema_version: 1 },
      ...{ correlation_id: 'c', data: '{}' },
    }
    const bad: readonly Record<string, string | number>[] = [
      { key: 'k'.repeat(MESSAGE_LIMITS.key + 1) },
      { data: 'd'.repeat(MESSAGE_LIMITS.data + 1) },
      { type: '' },
      { time: '9223372036854775807' },
      { delay: '9223372036854775807' },
      ...(elsewhere === false ? [{ delay: 'NaN' }, { delay: 'Infinity' }, { time: 'yesterday' }, { schema_version: 1.5 }] : []),
    ]
    let position = 0
    const write = async (id: string, row: Record<string, SqlValue>): Promise<void> => {
      const all: Record<string, SqlValue> = { ...values, ...row, id, position: ++position }
      if (elsewhere !== false) all['bucket'] = 1
      const names = Object.keys(all)
      await rig.store.transaction((tx) =>
        tx.run(`INSERT INTO dure_outbox (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`, Object.values(all)),
      )
    }
    for (const [at, row] of bad.entries()) {
      await write(`bad-${at}`, row)
      await write(`good-${at}`, { key: 'good' })
    }
    const got: string[] = []
    await broker.receive({ queue: 'print', handle: async ({ id }) => void got.push(id) })
    await rig.start((messages) => broker.send(messages))
    await rig.outbox().flush()
    await until(() => got.length === bad.length)
    assert.deepEqual(
      (await rig.letters.list()).map(({ message }) => message.id).toSorted(),
      bad.map((_, at) => `bad-${at}`).toSorted(),
    )
    await rig.stop()
    await rig.start((messages) => broker.send(messages))
    assert.equal(await rig.letters.discard({}, 'from an earlier build'), bad.length)
    await until(() => rig.aside().empty())
  },
)
