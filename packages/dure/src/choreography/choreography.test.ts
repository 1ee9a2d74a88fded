import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { command, contract, event } from '../contract/contract.ts'
import { testAdapter } from '../data/adapter.conformance.ts'
import { database } from '../data/data.ts'
import { service, start, system, type Running } from '../service/service.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { choreography, ChoreographyLate, type ObservedPath } from './choreography.ts'
import { dueOf, missingOf, pathOf, withSeen, type Known } from './path.ts'

const of = { schema: z.object({ order: z.string() }), key: ({ order }: { order: string }) => order }
const [Placed, Reserved, Refused, Paid, Shipped] = [
  event('placed', of),
  event('reserved', of),
  event('refused', of),
  event('paid', of),
  event('shipped', of),
]
const names = { placed: Placed, reserved: Reserved, refused: Refused, paid: Paid, shipped: Shipped }

const checkout = choreography('checkout', {
  key: ({ data }) => (data.order.startsWith('-') ? undefined : data.order),
  retention: 60_000,
  steps: [
    { event: Placed },
    { event: Reserved, within: 5_000, unless: [Refused] },
    { event: Refused, after: [Placed], optional: true, ends: true },
    { event: Paid, after: [Reserved], within: 20_000 },
    { event: Shipped, ends: true },
  ],
})

const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    say: command({ input: z.object({ what: z.enum(['placed', 'reserved', 'refused', 'paid', 'shipped']), order: z.string() }) }),
  },
  events: [Placed, Reserved, Refused, Paid, Shipped],
})
const Watch = contract('watch', { version: '1.0.0', owner: 'tests', operations: {}, events: [ChoreographyLate] })
const nothing = database<{ late: { key: string; step: string } }>({
  migrations: { '001': 'CREATE TABLE late (key TEXT NOT NULL, step TEXT NOT NULL)' },
})

const shop = service(Shop, {
  database: nothing,
  handlers: { say: ({ what, order }, { database }) => database.transaction((tx) => tx.publish(names[what], { order })) },
})

async function begin(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-choreography-'))
  // By the event: a transaction that is begun again on its account is told of the same one again.
  const told = new Map<string, string>()
  const watch = service(Watch, {
    ...{ database: nothing, extensions: [checkout], handlers: {} },
    subscriptions: ({ on }) => [
      on(ChoreographyLate, ({ id, data }) => void told.set(id, `${data.choreography} ${data.key} ${data.step}`)),
    ],
  })
  const made = system('town', { services: [shop, watch], database: testAdapter, telemetry: false })
  const running: Running = await start(made, { directory, log: silentLogger() })
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const say = (order: string, ...what: readonly (keyof typeof names)[]): Promise<unknown> =>
    Promise.all(what.map((one) => running.client(Shop).say({ what: one, order })))
  const ask = <T>(method: string, input: object): Promise<T> =>
    running.ask('watch', { kind: 'choreography', method, input }) as Promise<T>
  const path = async (key: string): Promise<ObservedPath | undefined> => (await ask<readonly ObservedPath[]>('path', { key }))[0]
  const until = async (key: string, there: (one: ObservedPath) => boolean): Promise<ObservedPath> => {
    for (;;) {
      const found = await path(key)
      if (found !== undefined && there(found)) return found
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  return { say, ask, path, until, told }
}

test('the path that was taken is shown, and what is missing since when', async (t) => {
  const { say, until, ask } = await begin(t)
  await say('a', 'placed')
  await say('a', 'reserved')
  const open = await until('a', ({ path }) => path.length === 2)
  assert.deepEqual(
    open.path.map((one) => one.event),
    ['placed', 'reserved'],
  )
  assert.deepEqual(open.missing, [{ event: 'paid', since: open.path[1]!.time, late: false }])
  await say('a', 'paid')
  await say('a', 'shipped')
  await say('a', 'shipped')
  // Events of two topics come in any order: the end may be known before what led to it.
  const ended = await until('a', (one) => one.ended && one.path.length === 4)
  assert.deepEqual(ended.missing, [])
  assert.deepEqual(
    ended.path.map((one) => one.event),
    ['placed', 'reserved', 'paid', 'shipped'],
  )
  assert.deepEqual(await ask('path', { key: 'b' }), [])
  assert.deepEqual(
    (await ask<readonly ObservedPath[]>('list', {})).map(({ key }) => key),
    ['a'],
  )
})

test('a step that does not come in its time is told of once, and comes late all the same', { timeout: 60_000 }, async (t) => {
  const { say, until, told } = await begin(t)
  await say('-x', 'placed')
  await say('a', 'placed')
  await say('b', 'placed', 'refused')
  await until('a', ({ missing }) => missing.some((one) => one.event === 'reserved' && one.late))
  while (told.size === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  await say('a', 'reserved')
  const late = await until('a', ({ missing }) => missing[0]?.event === 'paid')
  assert.equal(late.missing.length, 1)
  assert.deepEqual([...told.values()], ['checkout a reserved'])
})

test('in whatever order messages come, and however often, the same is known', () => {
  const steps = checkout.steps
  const message = fc.record({
    event: fc.constantFrom(...steps.map(({ event }) => event)),
    id: fc.constantFrom('1', '2', '3'),
    time: fc.integer({ min: 0, max: 5 }),
  })
  const none: Known = { seen: {}, late: [] }
  const after = (messages: readonly { event: string; id: string; time: number }[]): Known =>
    messages.reduce((known, { event, id, time }) => withSeen(known, event, { id, time, at: 0 }), none)
  fc.assert(
    fc.property(fc.array(message, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 12 }), (messages, picks) => {
      const again = picks.flatMap((pick) => (messages.length === 0 ? [] : [messages[pick % messages.length]!]))
      const other = [...again, ...messages.toReversed(), ...again]
      assert.deepEqual(pathOf(after(other)), pathOf(after(messages)))
      assert.deepEqual(missingOf(steps, after(other)), missingOf(steps, after(messages)))
    }),
  )
})

test('what is due counts from when the turn was seen to come, and who was told is told no more', () => {
  const { steps } = checkout
  const placed = withSeen({ seen: {}, late: [] }, 'placed', { id: '1', time: 9, at: 1_000 })
  assert.equal(dueOf(steps, placed), 6_000)
  assert.equal(dueOf(steps, { ...placed, late: ['reserved'] }), undefined)
  const reserved = withSeen(placed, 'reserved', { id: '2', time: 10, at: 2_000 })
  assert.equal(dueOf(steps, reserved), 22_000)
  assert.equal(dueOf(steps, withSeen(placed, 'refused', { id: '2', time: 10, at: 2_000 })), undefined)
})

test('what cannot be meant is refused where it is defined', () => {
  const key = (): string => 'k'
  assert.throws(() => choreography('x', { key, steps: [] }), /at least one/)
  assert.throws(() => choreography('x', { key, steps: [{ event: Paid }, { event: Paid }] }), /each event one step/)
  assert.throws(() => choreography('x', { key, steps: [{ event: Paid, after: [Placed] }] }), /speaks of "placed"/)
  assert.throws(() => choreography('x', { key, steps: [{ event: Paid, within: 0 }] }), /"within" is 0/)
})
