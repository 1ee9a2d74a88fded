import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { type CallOptions } from '../call/call.ts'
import { createLocalTransport, createRemoteTransport, listenSocket, socketPeers } from '../call/internal.ts'
import { CallError, command, contract, event, query, stream } from '../contract/contract.ts'
import { database, sqlite, type Transaction } from '../data/data.ts'
import { createInbox } from '../data/internal.ts'
import { embeddedRegistry } from '../discovery/discovery.ts'
import { embeddedBroker, retryPolicy } from '../messaging/messaging.ts'
import { createBulkhead, createEjection, createRetryBudget } from '../resilience/resilience.ts'
import { createDeadlines, realRuntime } from '../runtime/runtime.ts'
import { otlp, silentLogger } from '../telemetry/telemetry.ts'
import { batchingSink, openTelemetry, spanStore } from '../telemetry/internal.ts'
import { keyedState, service, start, system, type React, type ServiceOptions } from './service.ts'
import { supervise } from './supervisor/supervisor.ts'

const runtime = realRuntime()
const log = silentLogger()
const world = { runtime, log, directory: '/nowhere', system: 'numbers' }
const { clock, random } = runtime
const deadlines = createDeadlines(runtime)

/** What no option takes: each of these would be a timer that fires at once, a bound that bounds nothing, a broken sum. */
const USELESS: readonly unknown[] = [Number.NaN, -Infinity, -1, 1e300, '5', null, {}, 5n]

const Job = event('job', { schema: z.object({ n: z.int() }), key: ({ n }) => String(n) })
const Numbers = contract('numbers', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    ask: query({ output: z.int() }),
    act: command({ output: z.int() }),
    count: stream({ output: z.int() }),
    put: command({ input: z.object({ delay: z.unknown() }) }),
  },
})

/** Every place where options with numbers enter, each option alone: `[where, option, use]`. */
const PLACES: readonly (readonly [where: string, option: string, use: (options: never) => unknown])[] = [
  ...each('retry policy', ['attempts', 'first', 'factor', 'max', 'crashes'], retryPolicy),
  ...each('backoff', ['first', 'factor', 'max'], (backoff) =>
    createRemoteTransport({
      ...{ registry: undefined as never, connect: undefined as never, runtime, log },
      policy: { backoff: { first: 1, max: 1, ...(backoff as object) } },
    }),
  ),
  ...each('retry budget', ['ratio', 'minimumPerSecond', 'window'], (policy) => createRetryBudget({ clock, policy })),
  ...each('ejection', ['failures', 'stalls', 'first', 'max', 'share'], (policy) => createEjection({ clock, random, policy })),
  ...each('bulkhead', ['limit', 'queue'], (given) =>
    createBulkhead({ name: 'x', limit: 1, queue: 1, clock, deadlines, ...(given as object) }),
  ),
  ...each('remote policy', ['attempts', 'stallAfter', 'concurrency', 'queue', 'patience', 'waiters'], (policy) =>
    createRemoteTransport({ registry: undefined as never, connect: undefined as never, runtime, log, policy }),
  ),
  ...each(
    'sockets',
    [
      'frame',
      'pending',
      'outgoing',
      'connections',
      'strangers',
      'memory',
      'names',
      'handshake',
      'wholeFrame',
      'heartbeat',
      'silence',
    ],
    (limits) => socketPeers({ runtime, log, limits }),
  ),
  ...each('listener', ['connections', 'silence'], (limits) =>
    listenSocket({
      address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
      transport: createLocalTransport(),
      runtime,
      log,
      limits,
    }),
  ),
  ...each('reconnection', ['first', 'max'], (backoff) => socketPeers({ runtime, log, backoff })),
  ...each('embedded broker', ['partitions', 'pending', 'sweep'], embeddedBroker),
  ...each('SQLite', ['readers', 'waiting', 'timeout', 'group'], sqlite),
  ...each('inbox', ['retention'], (given) => createInbox({ runtime, ...(given as object) })),
  ...each('inbox of a service', ['retention'], (inbox) => define({ inbox })),
  ...each('outbox of a service', ['rows'], (outbox) => define({ retention: { outbox } })),
  ...each('keys of a service', ['atLeast', 'atMost', 'rows'], (keys) => define({ retention: { keys } })),
  ...each('reaction', ['concurrency'], reacting),
  ...each('reaction that is tried again', ['attempts'], (retry) => reacting({ retry })),
  ...each('telemetry', ['records'], (given) => openTelemetry({ store: false, ...(given as object) }, world)),
  ...each('sampling', ['perSecond', 'ratio'], (sampling) => openTelemetry({ store: false, sampling: sampling as object }, world)),
  ...each('span store', ['bytes'], spanStore),
  ...each('OTLP', ['timeout', 'metrics'], otlp),
  ...each('span sink', ['capacity', 'batch', 'interval', 'attempts', 'shutdownTimeout'], (limits) =>
    batchingSink({ name: 'x', runtime, log, deliver: () => {}, limits }),
  ),
  ...each('keyed state', ['idleAfter', 'limit', 'bytes'], (given) => keyedState('x', { load: () => 0, ...(given as object) })),
  ...each('registry', ['poll'], embeddedRegistry),
  ...each('start', ['shutdownTimeout', 'copy'], (given) =>
    start(system('n', { services: [define({})] }), { ...world, ...(given as object) }),
  ),
  ...each('supervisor', ['shutdownTimeout', 'readiness', 'silence'], (given) =>
    supervise({ ...world, processes: [], onLine: () => {}, ...(given as object) }),
  ),
  ...each('supervisor that starts again', ['first', 'max'], (backoff) =>
    supervise({ ...world, processes: [], onLine: () => {}, backoff: { first: 1, max: 1, ...(backoff as object) } }),
  ),
  ...each('operation', ['deadline'], (given) =>
    contract('numbers', {
      version: '1.0.0',
      owner: 'tests',
      operations: { ask: query({ output: z.int(), ...(given as object) }) },
    }),
  ),
]

function each(where: string, options: readonly string[], use: (options: never) => unknown) {
  return options.map((option) => [where, option, use] as const)
}

type Definition = ServiceOptions<typeof Numbers, {}, unknown>
type Sending = { readonly transaction: (work: (tx: Pick<Transaction<unknown>, 'send'>) => Promise<void>) => Promise<void> }

function define(more: object) {
  const definition = {
    database: database({ migrations: {} }),
    handlers: {
      ask: () => 1,
      act: () => 1,
      count: async function* () {
        yield 1
      },
      put: ({ delay }: { delay?: unknown }, { database: own }: { readonly database: Sending }) =>
        own.transaction((tx) => tx.send(Job, { n: 1 }, { delay: delay as number })),
    },
    ...more,
  }
  return service(Numbers, definition as unknown as Definition)
}

/** A service that reacts, with these options. */
function reacting(options: object) {
  return define({ subscriptions: ({ on }: React<{}, unknown>) => [on(Job, { handle: () => {}, ...options })] })
}

test('no option takes a number that cannot be used, wherever it enters', async () => {
  assert.ok(PLACES.length > 50)
  for (const [where, option, use] of PLACES) {
    for (const value of USELESS) {
      let failure: unknown
      try {
        await use({ [option]: value } as never)
      } catch (error) {
        failure = error
      }
      const said = `${where}: ${option} = ${String(value)}`
      assert.ok(failure instanceof Error, `${said} was taken`)
      assert.match(failure.message, new RegExp(`"${option}" is|the deadline`), said)
    }
  }
})

test('no call takes options that a later place cannot hold, and none leaves anything behind', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-numbers-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const running = await start(system('numbers', { services: [define({})], telemetry: false }), { directory, log })
  const client = running.client(Numbers)
  const long = 'x'.repeat(10_000)
  const bad: readonly Record<string, unknown>[] = [
    ...[Number.NaN, Infinity, -Infinity, 1e300, '5', null, {}, 5n].map((timeout) => ({ timeout })),
    ...[null, 'x', {}, 5].map((signal) => ({ signal })),
    ...['idempotencyKey', 'correlationId', 'traceparent', 'tracestate'].flatMap((name) =>
      ['', long, 5, null, ...(name.startsWith('trace') ? [] : ['a\0b', 'a\ud800'])].map((value) => ({ [name]: value })),
    ),
  ]
  for (const options of bad) {
    const said = JSON.stringify(options, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
    const [name] = Object.keys(options)
    const refused = (error: unknown): boolean => {
      assert.ok(error instanceof CallError && error.code === 'INVALID_ARGUMENT', `${said}: ${String(error)}`)
      assert.match(error.message, new RegExp(`option "${name}" `), said)
      return true
    }
    const given = options as CallOptions
    await assert.rejects(client.ask(undefined, given), refused)
    await assert.rejects(client.act.attempt(undefined, given), refused)
    await assert.rejects(async () => {
      for await (const _ of client.count(undefined, given)) assert.fail('It began')
    }, refused)
  }
  for (const delay of [Number.NaN, Infinity, -1, 1e300, '5', null, {}]) {
    await assert.rejects(
      client.put({ delay }),
      (error) => error instanceof CallError && error.code === 'INVALID_ARGUMENT' && /its delay is/.test(error.message),
      String(delay),
    )
  }
  await client.put({ delay: 0.5 })
  const status = await running.status()
  assert.deepEqual(
    status.services.map(({ callsInFlight }) => callsInFlight),
    [0],
  )
  await running.stop()
})
