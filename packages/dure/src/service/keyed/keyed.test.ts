import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { CallError, command, contract, error, query } from '../../contract/contract.ts'
import { database, sqlite } from '../../data/data.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { looking } from '../looking.test-support.ts'
import { keyedState, service, start, system, type KeyedStateOptions } from '../service.ts'

const Refused = error('REFUSED')
const name = z.object({ name: z.string() })
const key = (input: { readonly name: string }): string => input.name
const Counter = contract('counter', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    add: command({ input: name, output: z.int(), key, errors: { Refused } }),
    read: query({ input: name, output: z.int(), key }),
    bad: command({ input: z.object({ name: z.unknown() }), key: ({ name: said }) => (said as { key: string }).key }),
  },
})
const rows = database<{ counters: { name: string; value: number } }>({
  migrations: { '001': 'CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL)' },
})

/** One process with a counter; `wait` is awaited in the middle of each `add`. */
async function rig(
  t: TestContext,
  {
    wait = async () => {},
    ended = () => {},
    ...bounds
  }: {
    readonly wait?: (name: string, signal: AbortSignal) => Promise<void>
    /** Told of each transaction of `add`, in the order in which they begin. */
    readonly ended?: (kept: Promise<number>) => void
  } & Pick<KeyedStateOptions<number, unknown>, 'idleAfter' | 'limit' | 'bytes' | 'sizeOf'> = {},
) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-keyed-'))
  const loaded: string[] = []
  const value = keyedState('value', {
    ...{ database: rows, limit: 10, ...bounds },
    load: async (of, read) => {
      loaded.push(of)
      const row = await read.selectFrom('counters').select('value').where('name', '=', of).executeTakeFirst()
      return Number(row?.value ?? 0)
    },
  })
  const counter = service(Counter, {
    ...{ database: rows, extensions: [value] },
    handlers: {
      add: async ({ name: of }, context) => {
        const next = (await value.of(context)) + 1
        await wait(of, context.signal)
        const kept = context.database.transaction(async (tx) => {
          const row = { name: of, value: next }
          await tx
            .insertInto('counters')
            .values(row)
            .onConflict((it) => it.column('name').doUpdateSet(row))
            .execute()
          value.set(tx, next)
          if (of === 'refused') throw Refused()
          return next
        })
        ended(kept)
        return kept
      },
      read: (_, context) => value.of(context),
      bad: () => {},
    },
  })
  const { door, metrics } = looking()
  const options = { database: sqlite({ durability: 'process' }), doors: [door], telemetry: { store: false as const } }
  const running = await start(system('counting', { services: [counter], ...options }), {
    ...{ directory, log: silentLogger(), shutdownTimeout: 1_000 },
  })
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  /** By name, of all that keyed operations tell. */
  const told = async (): Promise<Readonly<Record<string, unknown>>> => {
    const own = (await metrics()).filter((family) => family.name.startsWith('dure.keyed.'))
    return Object.fromEntries(
      own.flatMap(({ name: family, points }) => points.map((point) => [family, 'value' in point && point.value])),
    )
  }
  return { client: running.client(Counter), loaded, told }
}

const hundred = Array.from({ length: 100 }, (_, n) => n + 1)

test('calls of a key run one at a time, in the order in which they came, with their state in memory', async (t) => {
  let [inside, most] = [0, 0]
  const wait = async (): Promise<void> => {
    most = Math.max(most, ++inside)
    await new Promise((resolve) => setImmediate(resolve))
    inside--
  }
  const { client, loaded } = await rig(t, { wait })
  assert.deepEqual(await Promise.all(hundred.map(() => client.add({ name: 'a' }))), hundred)
  assert.equal(most, 1)
  assert.deepEqual(loaded, ['a'])
  await Promise.all(['b', 'c'].map((of) => client.add({ name: of })))
  assert.equal(most, 2, 'others do not wait')
  assert.equal(await client.read({ name: 'a' }), 100)
})

test('a transaction that does not commit leaves no state behind', async (t) => {
  const { client, loaded } = await rig(t)
  await assert.rejects(client.add({ name: 'refused' }), { code: 'REFUSED' })
  assert.equal(await client.read({ name: 'refused' }), 0)
  assert.deepEqual(loaded, ['refused', 'refused'])
})

test('states that nobody uses are put away, and so is the one that was used longest ago', async (t) => {
  const { client, loaded } = await rig(t, { limit: 2 })
  for (const each of ['a', 'b', 'c', 'b', 'a']) await client.add({ name: each })
  assert.deepEqual(loaded, ['a', 'b', 'c', 'a'])
  const idle = await rig(t, { idleAfter: 1 })
  await idle.client.add({ name: 'a' })
  while (idle.loaded.length < 2) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    await idle.client.read({ name: 'a' })
  }
})

test('states take no more bytes than they may; one that is too large, or of no known size, is loaded at each call', async (t) => {
  const { client, loaded, told } = await rig(t, { bytes: 100, sizeOf: () => 40 })
  for (const each of ['a', 'b', 'c', 'b', 'a']) await client.add({ name: each })
  assert.deepEqual(loaded, ['a', 'b', 'c', 'a'])
  assert.deepEqual(await told(), { 'dure.keyed.shares': 64, 'dure.keyed.states': 2, 'dure.keyed.states.size': 80 })
  const growing = await rig(t, { bytes: 100, sizeOf: (value) => value * 40 })
  for (let n = 1; n <= 5; n++) assert.equal(await growing.client.add({ name: 'a' }), n)
  assert.deepEqual(growing.loaded, ['a', 'a', 'a'], 'from the third on')
  assert.deepEqual((await growing.told())['dure.keyed.states'], 0)
  const unknown = await rig(t, {
    sizeOf: () => {
      throw new Error('no size')
    },
  })
  for (let n = 1; n <= 3; n++) assert.equal(await unknown.client.add({ name: 'a' }), n)
  assert.equal(unknown.loaded.length, 3)
})

test('how many states there are and about what they take is told, also when all have gone', async (t) => {
  const { client, told } = await rig(t, { limit: 3, idleAfter: 100 })
  for (const each of ['a', 'b', 'c', 'd']) await client.add({ name: each })
  assert.deepEqual(await told(), { 'dure.keyed.shares': 64, 'dure.keyed.states': 3, 'dure.keyed.states.size': 24 })
  await assert.rejects(client.add({ name: 'refused' }))
  while ((await told())['dure.keyed.states'] !== 0) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal((await told())['dure.keyed.states.size'], 0)
})

test('a call whose time is over while it waits does not run, and one that hangs holds up its key until its own time is', async (t) => {
  let hangs = true
  const began: AbortSignal[] = []
  const wait = async (_: string, signal: AbortSignal): Promise<void> => {
    began.push(signal)
    if (hangs) await new Promise(() => {})
  }
  const { client } = await rig(t, { wait })
  const hung = assert.rejects(client.add({ name: 'a' }, { timeout: 200 }), { code: 'DEADLINE_EXCEEDED' })
  const short = assert.rejects(client.add({ name: 'a' }, { timeout: 50 }), { code: 'DEADLINE_EXCEEDED' })
  const leaving = new AbortController()
  const left = assert.rejects(client.add({ name: 'a' }, { signal: leaving.signal }), { code: 'CANCELLED' })
  const last = client.add({ name: 'a' })
  while (began.length === 0) await new Promise((resolve) => setImmediate(resolve))
  leaving.abort()
  hangs = false
  await Promise.all([hung, short, left])
  assert.equal(await last, 1)
  assert.equal(began.length, 2)
  assert.equal(began[0]!.aborted, true)
})

test('who has lost its turn begins no transaction any more', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  let first = true
  const wait = async (): Promise<void> => {
    if (first) {
      first = false
      await promise
    }
  }
  const late = Promise.withResolvers<unknown>()
  let begun = 0
  const ended = (kept: Promise<number>): void => void (++begun === 2 && kept.then(late.resolve, late.resolve))
  const { client } = await rig(t, { wait, ended })
  await assert.rejects(client.add({ name: 'a' }, { timeout: 50 }), { code: 'DEADLINE_EXCEEDED' })
  assert.equal(await client.add({ name: 'a' }), 1)
  resolve()
  assert.ok((await late.promise) instanceof CallError)
  assert.equal(await client.add({ name: 'a' }), 2)
})

test('a repeated command of a key is answered as the first was', async (t) => {
  const { client } = await rig(t)
  const again = () => client.add({ name: 'a' }, { idempotencyKey: 'one' })
  assert.deepEqual(await Promise.all([again(), again()]), [1, 1])
  assert.equal(await again(), 1)
  assert.equal(await client.add({ name: 'a' }), 2)
})

test('a key that cannot be found of the input is the fault of whoever sent it', async (t) => {
  const { client } = await rig(t)
  const bad = (said: unknown) => client.bad({ name: said })
  await assert.rejects(bad(null), { code: 'INVALID_ARGUMENT', message: /its "key" failed: / })
  await assert.rejects(bad({ key: 5 }), { code: 'INVALID_ARGUMENT', message: /its "key" is of type number/ })
  await assert.rejects(bad({ key: 'k'.repeat(1_025) }), { code: 'INVALID_ARGUMENT', message: /1025 characters/ })
  await bad({ key: '' })
})

test('what cannot be kept is refused where it is defined', () => {
  const operations = { add: command({ input: name, key }) }
  const Keyed = contract('keyed', { version: '1.0.0', owner: 'tests', operations })
  assert.throws(() => service(Keyed, { handlers: { add: () => {} } }), {
    name: 'TypeError',
    message: /its operation "add" has a "key", and it has no database/,
  })
  const state = keyedState('value', { database: rows, load: () => 0 })
  const Plain = contract('plain', { version: '1.0.0', owner: 'tests', operations: {} })
  assert.throws(() => service(Plain, { database: rows, extensions: [state], handlers: {} }), /none of its operations has a "key"/)
  assert.throws(() => keyedState('value', { load: () => 0, limit: 0 }), TypeError)
  const wrong = { ...command({ input: name }), key: 'name' as never }
  assert.throws(
    () => contract('keyed', { version: '1.0.0', owner: 'tests', operations: { wrong } }),
    /keyed.wrong key: found "name"/,
  )
  const streaming = { ...command({ input: name, key }), kind: 'stream' as const }
  assert.throws(() => contract('keyed', { version: '1.0.0', owner: 'tests', operations: { streaming } }), /found a stream/)
})
