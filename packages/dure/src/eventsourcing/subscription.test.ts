import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { database } from '../data/data.ts'
import { subscription } from './eventsourcing.ts'
import { added, cart, rigOf, until, type Copy } from './eventsourcing.test-support.ts'

const table = 'CREATE TABLE IF NOT EXISTS heard (text TEXT NOT NULL)'
type Heard = { heard: { text: string } }

/** A subscription that writes a row for each event; `before` is told of it first. */
function hearing(before: (text: string) => unknown = () => {}) {
  return subscription('ears', {
    to: [cart],
    database: database<Heard>({ migrations: {} }),
    batch: 3,
    handle: async ({ streamId, version }, { tx }) => {
      const text = `${streamId} ${version}`
      await tx.insertInto('heard').values({ text }).execute()
      await before(text)
    },
  })
}

async function listening(t: TestContext, copies: number, before?: (copy: number, text: string) => unknown) {
  const rig = rigOf(t)
  const all: Copy[] = []
  for (let at = 0; at < copies; at++) {
    // Listed first: it asks for the aggregate when it begins.
    const copy = await rig.copy([hearing((text) => before?.(at, text)), cart])
    if (at === 0) await copy.store.transaction((tx) => tx.run(table))
    all.push(copy)
  }
  const opened = all.map(({ open }) => [...open.values()][0]!)
  const heard = async () => (await all[0]!.store.select('SELECT text FROM heard')).map(({ text }) => String(text))
  return { all, opened, heard, rig }
}

const append = ({ transaction }: Copy, id: string, many = 1) =>
  transaction((tx) =>
    tx.append(
      cart.stream(id),
      Array.from({ length: many }, () => added(id, 'tea')),
      { expected: 'any' },
    ),
  )

test('each event has its effect once, in the order of its stream, in however many copies', async (t) => {
  const { all, opened, heard } = await listening(t, 2)
  await append(all[0]!, 'a', 5)
  for (const one of opened) await one.listen!()
  await Promise.all(Array.from({ length: 20 }, (_, at) => append(all[at % 2]!, `s-${at % 3}`, 2)))
  await until(async () => (await heard()).length >= 45)
  await until(async () => (await opened[0]!.busy!()) === 0)
  const texts = await heard()
  assert.equal(new Set(texts).size, 45)
  assert.equal(texts.length, 45)
  for (const [stream, of] of Map.groupBy(texts, (text) => text.split(' ')[0]!))
    assert.deepEqual(
      of.map((text) => Number(text.split(' ')[1])),
      of.map((_, at) => at + 1),
      stream,
    )
})

test('an effect that fails is undone, said, and tried again; what came before it stays', async (t) => {
  let fails = true
  const { all, opened, heard } = await listening(t, 1, (_, text) => {
    if (fails && text === 'a 5') throw new Error('no ink')
  })
  const [open] = opened
  await append(all[0]!, 'a', 7)
  await open!.listen!()
  await until(() => open!.reasons!().length > 0)
  assert.match(open!.reasons!()[0]!, /Subscription "ears" is held up at event \d of cart "a" \("cart\.added"\): no ink/)
  await until(async () => (await heard()).length === 4)
  fails = false
  await until(async () => (await heard()).length === 7)
  await until(() => open!.reasons!().length === 0)
  assert.equal((await open!.readings!())[0]!.value, 0)
})

test('it goes on where it was, and a copy that stood still has no more say', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { all, opened, heard } = await listening(t, 1, (_, text) => (text === 'a 2' ? gate.promise : undefined))
  await append(all[0]!, 'a', 2)
  await opened[0]!.listen!()
  // Another takes over meanwhile, as after the death of this one.
  const store = all[0]!.store
  if (store.sharing === 'shared') {
    await until(async () => (await store.select('SELECT 1 AS one FROM dure_event_subscriptions')).length === 1)
    const take = "UPDATE dure_event_subscriptions SET epoch = epoch + 1, holder = 'other'"
    await store.transaction((tx) => tx.run(take)).catch(() => {})
  }
  gate.resolve()
  await until(async () => (await heard()).length === 2)
  assert.deepEqual(await heard(), ['a 1', 'a 2'])
})

test('a subscription to what its service does not list is refused at the start', async (t) => {
  const foreign = subscription('foreign', { to: [{ ...cart }], handle: () => {} })
  const { open } = await rigOf(t).copy([foreign, cart])
  const refused = { code: 'FAILED_PRECONDITION', message: /"cart" is no aggregate of service "carts"/ }
  await assert.rejects([...open.values()][0]!.listen!(), refused)
})

test('all events of one transaction at once, each once', async (t) => {
  const sizes: number[] = []
  const ears = subscription('ears', {
    to: [cart],
    database: database<Heard>({ migrations: {} }),
    batch: 4,
    handleAll: async (events, { tx }) => {
      sizes.push(events.length)
      const rows = events.map(({ streamId, version }) => ({ text: `${streamId} ${version}` }))
      await tx.insertInto('heard').values(rows).execute()
    },
  })
  const copy = await rigOf(t).copy([ears, cart])
  await copy.store.transaction((tx) => tx.run(table))
  await append(copy, 'a', 10)
  await [...copy.open.values()][0]!.listen!()
  const heard = () => copy.store.select('SELECT text FROM heard')
  await until(async () => (await heard()).length >= 10)
  assert.deepEqual(sizes, [4, 4, 2])
  assert.deepEqual(
    (await heard()).map(({ text }) => text),
    Array.from({ length: 10 }, (_, at) => `a ${at + 1}`),
  )
  assert.throws(() => subscription('deaf', { to: [cart] }), /either "handle" or "handleAll"/)
})
