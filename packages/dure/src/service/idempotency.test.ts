import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { type CallOptions } from '../call/call.ts'
import { Cancellation } from '../call/internal.ts'
import { CallError, command, contract, DeclaredError, error, type Status } from '../contract/contract.ts'
import { noSql, rows, testAdapter } from '../data/adapter.conformance.ts'
import { clientDatabase, database } from '../data/data.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { createIdempotency } from './idempotency.ts'
import { heldKey } from './prepared-keys.ts'
import { service, start, system } from './service.ts'
import { until } from './rig.test-support.ts'

test('a clock that is set forward makes no answer old', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-idempotency-'))
  const real = realRuntime()
  let ahead = 0
  const runtime = { ...real, clock: { ...real.clock, now: () => real.clock.now() + ahead } }
  const store = await (await testAdapter({ directory, runtime, log: silentLogger() })).open('test', { migrations: {} })
  t.after(async () => {
    await store.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const { once } = createIdempotency({ store, runtime, service: 'test' })
  const definition = command({ input: z.object({}), output: z.int() })
  let runs = 0
  const call = (key: string): Promise<unknown> =>
    once({ operation: 'go', definition, key, input: {}, deadline: Infinity, own: new Cancellation() }, async () => ++runs)
  assert.equal(await call('a'), 1)
  ahead = 30 * 86_400_000
  assert.equal(await call('b'), 2)
  assert.equal(await call('a'), 1)
})

test('whoever may have to hear an answer weeks later is warned, once, of a handler that could lose it', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-idempotency-'))
  const runtime = realRuntime()
  const store = await (await testAdapter({ directory, runtime, log: silentLogger() })).open('test', { migrations: {} })
  t.after(async () => {
    await store.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const said: string[] = []
  const log = { warn: (message: string) => void said.push(message) }
  const { once, mark, answer } = createIdempotency({ store, runtime, service: 'test', log })
  const definition = command({ input: z.object({}), output: z.int() })
  const call = async (operation: string, key: string, keeps: boolean): Promise<unknown> => {
    const own = new Cancellation()
    const request = { operation, definition, key, caller: 'shop', input: {}, deadline: Infinity, own }
    return once(request, async () => {
      await store.transaction(async (tx) => {
        await mark(tx, request)
        if (keeps) await answer(tx, request, 1)
      })
      return 1
    })
  }
  await call('keeps', heldKey('a'), true)
  await call('loses', 'given', false)
  assert.deepEqual(said, [])
  for (const key of ['a', 'b']) await call('loses', heldKey(key), false)
  assert.equal(said.length, 1)
  assert.match(said[0]!, /^The answer of test\.loses is kept after its commit[^]*"tx\.answer\(output\)"/)
})

const Refused = error('REFUSED', { data: z.object({ n: z.int() }) })
const Steps = contract('steps', {
  version: '1.0.0',
  owner: 'tests',
  operations: { go: command({ input: z.object({ name: z.string() }), output: z.object({ run: z.int() }), errors: { Refused } }) },
})
type Tables = { effects: { name: string; run: number } }
const TABLES = { '001': 'CREATE TABLE effects (name TEXT NOT NULL, run INTEGER NOT NULL)' }
type Commit = (times?: number) => Promise<void>
type Handler = (run: number, context: { signal: AbortSignal; commit: Commit }) => Promise<void>
const after = (signal: AbortSignal): Promise<void> =>
  signal.aborted ? Promise.resolve() : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))

/** A service whose one command does what the case says, with the effects of each name counted. */
async function steps(t: TestContext, handler: Handler) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-idempotency-'))
  let runs = 0
  const definition = service(Steps, {
    database: noSql === false ? database<Tables>({ migrations: TABLES }) : (clientDatabase() as never),
    handlers: {
      go: async ({ name }, { database: own, signal }) => {
        const run = ++runs
        const commit: Commit = async (times = 1) => {
          for (let time = 0; time < times; time++)
            await own.transaction((tx) => rows.insertAsHandler(tx, 'effects', { name, run }))
        }
        await handler(run, { signal, commit })
        return { run }
      },
    },
  })
  let read = async (): Promise<readonly { name: string; run: number }[]> => []
  const running = await start(
    system('steps', {
      services: [definition],
      database: async (world) => {
        const made = await testAdapter(world)
        return {
          ...made,
          open: async (...given) => {
            const store = await made.open(...given)
            read = async () =>
              (await rows.read(store, 'effects', 'run')).map(({ name, run }) => ({ name: String(name), run: Number(run) }))
            return store
          },
        }
      },
    }),
    { directory, log: silentLogger() },
  )
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const { go } = running.client(Steps)
  const call = (options: CallOptions = {}): Promise<unknown> =>
    go({ name: 'x' }, { idempotencyKey: 'key', timeout: 20_000, ...options }).catch((failure: unknown) => failure)
  return { call, effects: () => read(), runs: () => runs }
}

const codeOf = (failure: unknown): Status => {
  assert.ok(failure instanceof CallError, String(failure))
  return failure.code
}

/** Ends of a first call without an answer: what its caller hears, and what its handler makes of it. */
const ENDS: readonly { name: string; first: CallOptions; leaves?: boolean; hears: Status; handler: Handler }[] = [
  {
    name: 'its caller goes away, and its handler stops',
    first: {},
    leaves: true,
    hears: 'CANCELLED',
    handler: async (_run, { signal }) => {
      await after(signal)
      signal.throwIfAborted()
    },
  },
  {
    name: 'its time is over, and its handler stops',
    first: { timeout: 30 },
    hears: 'DEADLINE_EXCEEDED',
    handler: async (_run, { signal }) => {
      await after(signal)
      throw new Error('stopped')
    },
  },
  {
    name: 'its time is over, and its handler hangs',
    first: { timeout: 30 },
    hears: 'DEADLINE_EXCEEDED',
    handler: () => new Promise(() => {}),
  },
  {
    name: 'its caller goes away, and its handler hangs',
    first: { timeout: 300 },
    leaves: true,
    hears: 'CANCELLED',
    handler: () => new Promise(() => {}),
  },
  ...(['UNAVAILABLE', 'RESOURCE_EXHAUSTED', 'DEADLINE_EXCEEDED', 'ABORTED', 'CANCELLED'] as const).map((code) => ({
    name: `it fails ${code}`,
    first: {},
    hears: code,
    handler: async () => {
      throw new CallError(code, 'Not now')
    },
  })),
  {
    name: 'it fails inside',
    first: {},
    hears: 'INTERNAL',
    handler: async () => {
      throw new Error('a defect')
    },
  },
]

for (const { name, first, leaves = false, hears, handler } of ENDS)
  test(`two calls with one key at once, and of the first ${name}: the second runs by itself`, { timeout: 30_000 }, async (t) => {
    const waitedFor = Promise.withResolvers<void>()
    const { call, effects, runs } = await steps(t, async (run, context) => {
      if (run === 1) await waitedFor.promise.then(() => handler(run, context))
      await context.commit(2)
    })
    const leaving = new AbortController()
    const one = call({ ...first, signal: leaving.signal })
    await until(() => runs() === 1)
    const others = [call(), call()]
    waitedFor.resolve()
    if (leaves) leaving.abort()
    assert.equal(codeOf(await one), hears)
    assert.deepEqual(await Promise.all(others), [{ run: 2 }, { run: 2 }])
    assert.deepEqual(await call(), { run: 2 })
    assert.deepEqual(await effects(), [
      { name: 'x', run: 2 },
      { name: 'x', run: 2 },
    ])
  })

test('a handler that commits after its time does nothing twice, whoever comes first', { timeout: 30_000 }, async (t) => {
  const [late, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let refused: unknown
  const { call, effects, runs } = await steps(t, async (run, { commit }) => {
    await (run === 1 ? late : second).promise
    await commit().catch((failure: unknown) => {
      refused = failure
      throw failure
    })
  })
  const one = call({ timeout: 30 })
  const two = call()
  assert.equal(codeOf(await one), 'DEADLINE_EXCEEDED')
  await until(() => runs() === 2)
  second.resolve()
  assert.deepEqual(await two, { run: 2 })
  late.resolve()
  await until(() => refused !== undefined)
  assert.equal(codeOf(refused), 'ABORTED')
  assert.deepEqual(await effects(), [{ name: 'x', run: 2 }])
  assert.deepEqual(await call(), { run: 2 })
})

test('when the late handler commits first, the second hears that it was done, or how', { timeout: 30_000 }, async (t) => {
  const [late, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let refused: number | undefined
  const { call, effects, runs } = await steps(t, async (run, { commit }) => {
    await (run === 1 ? late : second).promise
    await commit().catch((failure: unknown) => {
      refused = run
      throw failure
    })
  })
  const one = call({ timeout: 30 })
  const two = call()
  assert.equal(codeOf(await one), 'DEADLINE_EXCEEDED')
  await until(() => runs() === 2)
  late.resolve()
  await until(async () => refused !== undefined || (await effects()).length === 1)
  second.resolve()
  const heard = await two
  // Where copies share the store the second was noted instead before it began: then the first is refused.
  const done = refused === 1 ? 2 : 1
  if (heard instanceof Error) assert.equal(codeOf(heard), 'ALREADY_EXISTS')
  else assert.deepEqual(heard, { run: done })
  assert.deepEqual(await effects(), [{ name: 'x', run: done }])
})

test('who waits for a key ends by its own clock and its own caller, and does not begin later', { timeout: 30_000 }, async (t) => {
  const first = Promise.withResolvers<void>()
  const { call, runs } = await steps(t, async (run) => {
    await first.promise
    if (run === 1) throw new CallError('UNAVAILABLE', 'Not now')
  })
  const one = call()
  await until(() => runs() === 1)
  const leaving = new AbortController()
  const waiting = [call({ timeout: 20 }), call({ signal: leaving.signal })]
  leaving.abort()
  assert.deepEqual((await Promise.all(waiting)).map(codeOf), ['DEADLINE_EXCEEDED', 'CANCELLED'])
  first.resolve()
  assert.equal(codeOf(await one), 'UNAVAILABLE')
  assert.deepEqual(await call(), { run: 2 })
})

test('a declared error is an answer that all who wait share', { timeout: 30_000 }, async (t) => {
  const go = Promise.withResolvers<void>()
  const { call, runs } = await steps(t, async (run) => {
    await go.promise
    throw Refused({ n: run })
  })
  const all = [call(), call(), call()]
  go.resolve()
  for (const heard of await Promise.all(all)) assert.ok(heard instanceof DeclaredError && (heard.data as { n: number }).n === 1)
  assert.equal(runs(), 1)
})
