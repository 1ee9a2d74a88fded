import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { command, contract, event } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import { queue, type GroupLag } from '../messaging/messaging.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { alone } from './copies.ts'
import { statusOf } from './health.ts'
import { lagOf, readersOf, type ConsumerLag } from './lag.ts'
import { quiet, until } from './rig.test-support.ts'
import { service, start, system } from './service.ts'

const Seen = event('seen', { schema: z.object({ key: z.string(), n: z.int() }), key: ({ key }) => key })
const Print = queue('print', { schema: z.object({ n: z.int() }) })
const Source = contract('source', {
  version: '1.0.0',
  owner: 'tests',
  operations: { say: command({ input: z.object({ key: z.string(), n: z.int() }) }), print: command({}) },
  events: [Seen],
})

test('every consumer tells how far it is behind, since when, and what is dead', { timeout: 60_000 }, async (t) => {
  const open = Promise.withResolvers<void>()
  const source = service(Source, {
    database: database<{ t: { n: number } }>({ migrations: { '001': 'CREATE TABLE t (n INTEGER)' } }),
    handlers: {
      say: (seen, { database }) => database.transaction((tx) => tx.publish(Seen, seen)),
      print: (_, { database }) => database.transaction((tx) => tx.send(Print, { n: 1 })),
    },
  })
  const copy = service(contract('copy', { version: '1.0.0', owner: 'tests', operations: {} }), {
    database: database<{ t: { n: number } }>({ migrations: { '001': 'CREATE TABLE t (n INTEGER)' } }),
    handlers: {},
    subscriptions: ({ on, work }) => [
      on(Seen, { name: 'slow', prepare: () => open.promise, handle: () => {} }),
      on(Seen, {
        name: 'failing',
        retry: { attempts: 1 },
        handle: ({ data }) => {
          if (data.key === 'bad') throw new Error('no')
        },
      }),
      work(Print, {
        retry: { attempts: 1 },
        handle: () => {
          throw new Error('no paper')
        },
      }),
    ],
  })
  const directory = mkdtempSync(join(tmpdir(), 'dure-lag-'))
  const running = await start(system('lagging', { services: [source, copy] }), { directory, log: silentLogger() })
  t.after(async () => {
    open.resolve()
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const client = running.client(Source)
  const from = Date.now()
  for (const n of [1, 2, 3]) await client.say({ key: 'bad', n })
  await client.say({ key: 'good', n: 1 })
  await client.print()
  const consumers = async (): Promise<Readonly<Record<string, ConsumerLag>>> =>
    Object.fromEntries((await running.lag()).consumers.map((one) => [one.consumer, one]))
  await until(async () => {
    if ((await running.lag()).outboxes.some(({ depth }) => depth > 0)) return false
    const { 'copy/failing': failing, 'copy/print': print } = await consumers()
    return failing!.held === 2 && failing!.unread === 0 && print!.deadLetters === 1 && print!.unread === 0
  })
  const { 'copy/slow': slow, 'copy/failing': failing, 'copy/print': print } = await consumers()
  assert.deepEqual([slow!.unread, slow!.deadLetters, slow!.deadSince], [4, 0, undefined])
  assert.ok(slow!.since! >= from && slow!.since! <= Date.now())
  assert.deepEqual([failing!.deadLetters, failing!.held, failing!.waiting, failing!.since], [1, 2, 0, undefined])
  assert.ok(failing!.deadSince! >= from)
  assert.deepEqual([print!.kind, print!.topic, print!.unread, print!.deadLetters], ['queue', 'print', 0, 1])
  assert.deepEqual(
    (await running.lag()).outboxes.map(({ service: name, depth }) => [name, depth]),
    [
      ['copy', 0],
      ['source', 0],
    ],
  )
  open.resolve()
  await quiet(running)
  const after = (await consumers())['copy/slow']!
  assert.deepEqual([after.unread, after.since], [0, undefined])
})

test('what nobody is going to read is told apart, and keeps nobody from being quiet', async () => {
  const readers = readersOf([
    {
      contract: { name: 'here' },
      reactions: [
        { kind: 'topic', event: Seen, name: 'copy' },
        { kind: 'queue', event: Print, name: 'p' },
      ],
    },
  ] as never)
  const one = { topic: 'seen', partition: 0, lag: 2, lost: 5 }
  const calm = async (lags: readonly GroupLag[]): Promise<boolean> => (await statusOf([], async () => lags, readers)).quiet
  // Renamed, and gone.
  const old = { ...one, group: 'here/old', members: 0 }
  assert.equal(await calm([old]), true)
  const { lag, abandoned } = await statusOf([], async () => [old], readers)
  assert.deepEqual([lag, abandoned], [[], [old]])
  const { consumers } = await lagOf([], async () => [old], readers)
  assert.deepEqual(
    consumers.map(({ consumer, unread, lost, abandoned: gone }) => [consumer, unread, lost, gone]),
    [['here/old', 2, 5, true]],
  )
  for (const behind of [
    { ...one, group: 'here/copy', members: 0 }, // its process is away
    { ...one, group: 'theirs', members: 1 },
    { ...one, group: 'theirs' }, // a broker that does not tell
    { ...one, group: 'queue', topic: 'print', members: 0 },
  ])
    assert.equal(await calm([old, behind]), false, JSON.stringify(behind))
})

const named = (name: string) => ({ name, copy: name })

test('of a service or a broker that does not answer, what is known is told', async () => {
  const reading = { kind: 'topic', topic: 'seen', waiting: 1, deadLetters: 0, held: 0, oldest: undefined } as const
  const status = async () => ({
    ...{ service: 'here', copy: 'here' },
    callsInFlight: 0,
    outbox: 2,
    outboxAge: 30,
    outboxSize: 7,
    inHand: 0,
    waiting: 1,
    dead: 0,
  })
  const here = { ...named('here'), status, readings: async () => [{ ...reading, consumer: 'here/copy' }] }
  const away = { ...named('away'), status: async () => undefined, readings: () => Promise.reject(new Error('gone')) }
  const lags = [
    { group: 'here/copy', topic: 'seen', partition: 0, lag: 2, since: 50 },
    { group: 'here/copy', topic: 'seen', partition: 1, lag: 3, since: 40 },
    { group: 'here/copy', topic: 'seen', partition: 2, lag: 0, since: undefined },
    { group: 'away/copy', topic: 'seen', partition: 0, lag: 7, since: undefined },
  ]
  const lag = await lagOf(alone([here, away]), async () => lags)
  assert.deepEqual(
    lag.consumers.map(({ consumer, unread, since }) => [consumer, unread, since]),
    [
      ['here/copy', 5, 40],
      ['away/copy', 7, undefined],
    ],
  )
  assert.deepEqual([lag.outboxes, lag.silent], [[{ service: 'here', depth: 2, age: 30, size: 7 }], ['away']])
  const dumb = await lagOf(alone([here]), () => Promise.reject(new Error('no broker')))
  assert.deepEqual(
    dumb.consumers.map(({ unread, waiting }) => [unread, waiting]),
    [[undefined, 1]],
  )
})
