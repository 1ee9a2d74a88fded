import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { event } from '../contract/contract.ts'
import { aggregate } from './eventsourcing.ts'
import { Added, added, all, cart, rigOf, until, type Change } from './eventsourcing.test-support.ts'

const one = cart.stream('c')

test('events are stored at the version that is expected, and read back in order', async (t) => {
  const { transaction, events } = await rigOf(t).copy([cart])
  assert.equal(await transaction((tx) => tx.append(one, [added('c', 'tea'), added('c', 'cup')], { expected: 'none' })), 2)
  assert.equal(await transaction((tx) => tx.append(one, [added('c', 'pot')], { expected: 2 })), 3)
  assert.equal(await transaction((tx) => tx.append(one, [added('c', 'tea', 2)], { expected: 'any' })), 4)
  const read = await all(events.read(one))
  assert.deepEqual(
    read.map(({ version, type, data }) => [version, type, 'sku' in data && data.sku]),
    [
      [1, 'cart.added', 'tea'],
      [2, 'cart.added', 'cup'],
      [3, 'cart.added', 'pot'],
      [4, 'cart.added', 'tea'],
    ],
  )
  assert.deepEqual(
    (await all(events.read(one, { from: 2, limit: 2 }))).map(({ version }) => version),
    [2, 3],
  )
  assert.deepEqual(await events.load(one), { state: { items: { tea: 3, cup: 1, pot: 1 }, closed: false }, version: 4 })
  assert.equal((await events.load(one, { version: 2 })).version, 2)
  assert.equal((await events.load(one, { time: 0 })).version, 0)
  const [first] = read
  assert.deepEqual([first!.stream, first!.streamId, first!.correlationId, first!.schemaVersion], ['cart', 'c', 'c-1', 1])
})

test('another version than expected is refused, and leaves the transaction as it was', async (t) => {
  const { transaction, events } = await rigOf(t).copy([cart])
  await transaction((tx) => tx.append(one, [added('c', 'tea')], { expected: 'none' }))
  for (const expected of ['none', 2, 7] as const) {
    const refused = transaction((tx) => tx.append(one, [added('c', 'cup'), added('c', 'pot')], { expected }))
    await assert.rejects(refused, {
      code: 'ABORTED',
      message: new RegExp(`version ${expected} was expected, and it is at version 1`),
    })
  }
  await transaction(async (tx) => {
    await tx.append(one, [added('c', 'cup')], { expected: 9 }).catch(() => {})
    await tx.append(one, [added('c', 'cup')], { expected: 1 })
  })
  assert.equal((await events.load(one)).version, 2)
  // Its own events count, though nobody else sees them yet.
  await transaction(async (tx) => {
    await tx.append(one, [added('c', 'pot')], { expected: 2 })
    await tx.append(one, [added('c', 'pot')], { expected: 3 })
    assert.equal((await tx.load(one)).version, 4)
  })
})

test('what cannot be stored is refused in words, before anything is stored', async (t) => {
  const { transaction, events } = await rigOf(t).copy([cart])
  const append = (news: unknown, expected: unknown, stream: typeof one = one) =>
    transaction((tx) => tx.append(stream, news as never, { expected: expected as never }))
  for (const expected of [-1, 0, 1.5, NaN, 2 ** 60, '1', null, undefined])
    await assert.rejects(append([added('c', 'tea')], expected), { code: 'INVALID_ARGUMENT', message: /"any", "none"/ })
  const refusals: [unknown, RegExp][] = [
    [
      [added('c', 'tea'), { type: 'cart.burnt', data: {} }],
      /"cart\.burnt" is none of its events \("cart\.added", "cart\.closed"\)/,
    ],
    [
      [added('c', 'tea'), { type: 'cart.added', data: { cartId: 'c', sku: 7, count: 1 } }],
      /"cart\.added".*does not match its schema at "sku"/,
    ],
    [[{ type: 'cart.closed', data: { cartId: 'd', at: new Date(0) } }], /published under the key "d"/],
    [Array.from({ length: 1_001 }, () => added('c', 'tea')), /1001 events at once/],
    ['tea', /must be an array/],
  ]
  for (const [news, message] of refusals) await assert.rejects(append(news, 'any'), { code: 'INVALID_ARGUMENT', message })
  await assert.rejects(append([], 'any', cart.stream('')), { code: 'INVALID_ARGUMENT', message: /1 to 200 characters/ })
  const other = aggregate('other', { events: [Added], initial: () => 0, decide: () => [], evolve: (n) => n + 1 })
  const foreign = transaction((tx) => tx.append(other.stream('c'), [added('c', 'tea')], { expected: 'any' }))
  await assert.rejects(foreign, { code: 'FAILED_PRECONDITION', message: /"extensions"/ })
  assert.deepEqual(await all(events.readAll()), [])
  assert.equal(await append([], 'any'), 0)
  await assert.rejects(all(events.read(one, { from: 0 })), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(all(events.readAll({ after: '1; DROP TABLE' })), { code: 'INVALID_ARGUMENT', message: /is no position/ })
})

test('a command is decided by the state, and what it came to is published with its version', async (t) => {
  const rig = rigOf(t)
  const { transaction, events } = await rig.copy([cart])
  const decide = (change: Change) => transaction((tx) => tx.decide(one, change))
  assert.deepEqual(await decide({ add: 'tea', count: 2 }), { state: { items: { tea: 2 }, closed: false }, version: 1 })
  assert.deepEqual(await decide({ add: 'tea', count: 2_000 }), { state: { items: { tea: 2 }, closed: false }, version: 1 })
  assert.equal((await decide('close')).version, 2)
  await assert.rejects(decide('close'), /The cart is closed/)
  await until(() => rig.sent.length > 0)
  const [{ id, time }] = (await all(events.read(one, { from: 2 }))) as unknown as [{ id: string; time: number }]
  const [message] = rig.sent
  assert.equal(rig.sent.length, 1)
  assert.deepEqual(
    [message!.id, message!.time, message!.type, message!.key, message!.sequence, message!.data],
    [id, time, 'cart.closed', 'c', 2, '{"cartId":"c","at":"1970-01-01T00:00:00.000Z"}'],
  )
})

test('of two that append at once one comes after the other, whatever copy they are in', async (t) => {
  const rig = rigOf(t)
  const copies = await Promise.all([rig.copy([cart]), rig.copy([cart])])
  const adding = Array.from({ length: 40 }, (_, at) =>
    copies[at % 2]!.transaction((tx) => tx.decide(one, { add: `sku-${at}`, count: 1 })),
  )
  const versions = (await Promise.all(adding)).map(({ version }) => version)
  assert.deepEqual(
    versions.toSorted((a, b) => a - b),
    Array.from({ length: 40 }, (_, at) => at + 1),
  )
  const { state, version } = await copies[0]!.events.load(one)
  assert.deepEqual([version, Object.keys(state.items).length], [40, 40])
  const outcomes = await Promise.allSettled(
    copies.map(({ transaction }) => transaction((tx) => tx.append(one, [added('c', 'last')], { expected: 40 }))),
  )
  assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  const lost = outcomes.find((one) => one.status === 'rejected')!
  assert.equal((lost.reason as { code: string }).code, 'ABORTED')
})

test('all events come in one order, those of each stream in theirs, from any position on', async (t) => {
  const rig = rigOf(t)
  const copies = await Promise.all([rig.copy([cart]), rig.copy([cart])])
  const appending = Array.from({ length: 60 }, (_, at) =>
    copies[at % 2]!.transaction((tx) =>
      tx.append(cart.stream(`c-${at % 7}`), [added(`c-${at % 7}`, 'tea'), added(`c-${at % 7}`, `${at}`)], { expected: 'any' }),
    ),
  )
  const { events } = copies[0]!
  const met: string[] = []
  const versions = new Map<string, number>()
  let after: string | undefined
  const readOn = async (): Promise<void> => {
    for await (const event of events.readAll({ after, limit: 9 })) {
      assert.equal(event.version, (versions.get(event.streamId) ?? 0) + 1, `of ${event.streamId}`)
      versions.set(event.streamId, event.version)
      met.push(event.id)
      after = event.position
    }
  }
  let over = false
  void Promise.all(appending).then(() => (over = true))
  await until(() => readOn().then(() => over))
  for (let before = -1; before < met.length;) {
    before = met.length
    await readOn()
  }
  assert.equal(met.length, 120)
  assert.equal(new Set(met).size, 120)
})

test('an older event is brought to the version of today; what cannot be read says of which stream and version', async (t) => {
  const rig = rigOf(t)
  const make = (version: number, upcast: Record<number, (data: never) => unknown>) => {
    const shape = version === 1 ? z.object({ cartId: z.string(), sku: z.string() }) : Added.schema
    const Versioned = event('cart.added', { schema: shape as typeof Added.schema, key: (e) => e.cartId, version, upcast })
    return aggregate('cart', { events: [Versioned], initial: () => 0, decide: () => [], evolve: (n, { data }) => n + data.count })
  }
  const old = make(1, {})
  const first = await rig.copy([old])
  const tea = { type: 'cart.added', data: { cartId: 'c', sku: 'tea' } as never } as const
  await first.transaction((tx) => tx.append(old.stream('c'), [tea], { expected: 'none' }))
  const readWith = async (upcast: Record<number, (data: never) => unknown>) => {
    const now = make(2, upcast)
    return (await rig.copy([now])).events.load(now.stream('c'))
  }
  assert.deepEqual(await readWith({ 1: (data: object) => ({ ...data, count: 5 }) }), { state: 5, version: 1 })
  const place = /^Cannot read event 1 of cart "c" \("cart\.added"\)/
  const refusals: [Record<number, (data: never) => unknown>, RegExp][] = [
    [{}, /there is no upcast from version 1/],
    [
      {
        1: () => {
          throw new Error('no such luck')
        },
      },
      /the upcast from version 1 failed \(no such luck\)/,
    ],
    [{ 1: (data: object) => ({ ...data, count: 'many' }) }, /does not match the schema at "count"/],
  ]
  for (const [upcast, message] of refusals) {
    await assert.rejects(readWith(upcast), { code: 'DATA_LOSS', message: place })
    await assert.rejects(readWith(upcast), { message })
  }
  await first.store.transaction((tx) => tx.run("UPDATE dure_events SET type = 'cart.burnt'"))
  await assert.rejects(first.events.load(one), { code: 'FAILED_PRECONDITION' })
  await assert.rejects(readWith({}), { code: 'DATA_LOSS', message: /no aggregate here has such an event/ })
})

test('a long stream is read in pages, of few events when they are large', async (t) => {
  const { transaction, events } = await rigOf(t).copy([cart])
  const large = 'x'.repeat(900_000)
  for (let at = 0; at < 12; at++) await transaction((tx) => tx.append(one, [added('c', `${large}${at}`)], { expected: 'any' }))
  for (let at = 0; at < 2; at++) {
    const many = Array.from({ length: 900 }, () => added('c', 'tea'))
    await transaction((tx) => tx.append(one, many, { expected: 'any' }))
  }
  const { state, version } = await events.load(one)
  assert.deepEqual([version, Object.keys(state.items).length, state.items['tea']], [1_812, 13, 1_800])
  assert.equal((await all(events.read(one))).length, 1_812)
  assert.equal((await all(events.read(one, { limit: 600 }))).length, 600)
  assert.equal((await all(events.readAll())).length, 1_812)
  assert.equal((await events.load(one, { version: 700 })).version, 700)
})
