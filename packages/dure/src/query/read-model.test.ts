import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from '../contract/contract.ts'
import { elsewhere } from '../data/adapter.conformance.ts'
import { database } from '../data/data.ts'
import { gate } from '../data/world.conformance.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { service, type Running } from '../service/service.ts'
import { readModel, type ReadModel } from './query.ts'
import { board, Board, Counted, past, place, Shop, shop, stockOne, stockTwo, type Trouble } from './read-model.test-support.ts'

const slow = { timeout: 60_000 }
const clients = (running: Running) => ({ shop: running.client(Shop), board: running.client(Board) })

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await realRuntime().timers.sleep(5)
}

test('a model has what SQL over all events says, and shows what was just written', slow, async (t) => {
  const { start, quiet } = await place(t)
  const running = await start([shop(), board(stockOne())])
  const { shop: owner, board: shows } = clients(running)
  assert.deepEqual(await shows.show(), { version: 1, totals: {}, age: undefined })
  for (let n = 0; n < 40; n++) {
    const sku = `s${n % 7}`
    const sequence = await (n % 3 === 2 ? owner.giveBack : owner.sell)({ sku, count: n })
    if (n % 10 === 0) assert.equal((await shows.showAt({ sku, sequence })).reached, true)
  }
  await quiet(running)
  const { totals, age } = await shows.show()
  assert.deepEqual(totals, await owner.truth())
  assert.ok(age !== undefined && age < 60_000)
  // What was never said is not waited for beyond the deadline.
  assert.deepEqual(await shows.showAt({ sku: 's0', sequence: 99 }, { timeout: 200 }), { reached: false, total: totals['s0'] })
  assert.equal(new Set(await shows.effects()).size, 27)
})

test(
  'a second version is built under load beside the first: no query fails, it takes its place, and one can go back',
  slow,
  async (t) => {
    const { start, quiet } = await place(t)
    const before = await start([shop(), board(stockOne())])
    for (let n = 0; n < 300; n++) await clients(before).shop.sell({ sku: `s${n % 20}`, count: 1 })
    await quiet(before)
    const effects = new Set(await clients(before).board.effects())
    await before.stop()

    const running = await start([shop(), board(stockTwo({ before: stockOne() }))])
    const { shop: owner, board: shows } = clients(running)
    const seen = new Set<number>()
    let writing = true
    const load = Promise.all([
      (async () => {
        for (let n = 0; writing; n++) await owner.sell({ sku: `s${n % 20}`, count: 1 })
      })(),
      (async () => {
        while (writing) {
          const { version, totals } = await shows.show()
          seen.add(version)
          // What is asked of this process alone would keep it to itself.
          await new Promise<void>((resolve) => realRuntime().timers.soon(resolve))
          // Neither is ever half built.
          assert.ok(Object.values(totals).reduce((sum, total) => sum + total, 0) >= 300 - 100)
        }
      })(),
    ])
    await until(async () => seen.has(2))
    writing = false
    await load
    await quiet(running)
    assert.deepEqual([...seen], [1, 2])
    const truth = await owner.truth()
    assert.deepEqual((await shows.show()).totals, truth)

    const { ask } = running
    assert.deepEqual(await statesOf(ask('list')), ['1 previous', '2 serving'])
    await ask('back')
    assert.deepEqual([(await shows.show()).version, (await shows.show()).totals], [1, truth])
    assert.deepEqual(await statesOf(ask('list')), ['1 serving', '2 previous'])
    await ask('switch').catch((refused: Error) => assert.match(refused.message, /no build beside/))
    await ask('back')
    assert.equal((await shows.show()).version, 2)
    // Each effect once: those of the first version are not had again.
    const all = await shows.effects()
    assert.equal(all.length, new Set(all).size)
    assert.ok([...effects].every((id) => all.includes(id)))
    assert.equal(
      all.length,
      Object.values(truth).reduce((sum, total) => sum + total, 0),
    )
  },
)

async function statesOf(
  list: Promise<readonly { readonly build: number; readonly state: string }[]>,
): Promise<readonly string[]> {
  return (await list).map(({ build, state }) => `${build} ${state}`)
}

test('a topic that keeps a week is no source to build from anew', slow, async (t) => {
  const { start } = await place(t)
  const week = (version: 1 | 2): ReadModel =>
    readModel('counts', {
      version,
      from: [Counted],
      tables: database<{}>({ migrations: {} }),
      on: { 'item.counted': () => {} },
      before: version === 2 ? week(1) : undefined,
    })
  const first = await start([shop(), board(week(1))])
  const rebuild = first.ask('rebuild', { name: 'counts' })
  const sentence =
    /Building read model "counts" anew failed: topic "item.counted" keeps messages for 7 days, so all that is older would be missing from it\. To do: give the model the history/
  await assert.rejects(rebuild, sentence)
  await first.stop()
  await assert.rejects(start([shop(), board(week(2))]), sentence)
  // Nor is a version shown that this release does not know.
  const kept = await start([shop(), board(stockOne())])
  await kept.stop()
  await assert.rejects(start([shop(), board(stockTwo())]), /served in version 1, and this release knows 2 alone/)
})

test('from the history of the owner it has what the broker has lost, each event once', slow, async (t) => {
  const { start, quiet } = await place(t)
  const before = await start([shop()])
  for (let n = 0; n < 120; n++) await clients(before).shop.sell({ sku: `s${n % 10}`, count: n })
  await before.stop()

  // Half way through the history more is said, which comes on the topic as well.
  const half = gate()
  const said = gate()
  const pausing = shop(async ({ position }) => {
    if (position !== 60) return
    half.open()
    await said.opened
  })
  const running = await start([pausing, board(stockTwo({ histories: [past] }))], { freshBroker: true })
  const { shop: owner, board: shows } = clients(running)
  await half.opened
  for (let n = 0; n < 30; n++) await owner.sell({ sku: `s${n % 12}`, count: 1_000 })
  said.open()
  await quiet(running)
  assert.deepEqual((await shows.show()).totals, await owner.truth())
  await owner.sell({ sku: 's1', count: 5 })
  await quiet(running)
  assert.deepEqual((await shows.show()).totals, await owner.truth())
})

test('a rebuild that ends half way goes on where it was, and repeats no effect', slow, async (t) => {
  const { start, quiet } = await place(t)
  const first = await start([shop(), board(stockOne())])
  for (let n = 0; n < 600; n++) await clients(first).shop.sell({ sku: `s${n % 10}`, count: n })
  await quiet(first)
  await first.stop()

  const second = stockTwo({ before: stockOne(), histories: [past] })
  const reached = gate()
  const positions: number[] = []
  const stuck = shop(async ({ position }) => {
    positions.push(position)
    if (position < 400) return
    reached.open()
    await new Promise(() => {})
  })
  const interrupted = await start([stuck, board(second)])
  await reached.opened
  await until(async () => {
    const [, build] = await interrupted.ask<{ events: number }[]>('list')
    return build!.events > 0
  })
  assert.equal((await clients(interrupted).board.show()).version, 1)
  await interrupted.stop({ timeout: 0 })

  const again: number[] = []
  const running = await start([shop(async ({ position }) => void again.push(position)), board(second)])
  await until(async () => (await clients(running).board.show()).version === 2)
  await quiet(running)
  assert.ok(Math.min(...again) > 200, `It began again at ${Math.min(...again)}`)
  assert.deepEqual((await clients(running).board.show()).totals, await clients(running).shop.truth())
  const effects = await clients(running).board.effects()
  assert.deepEqual([effects.length, new Set(effects).size], [600, 600])
})

test('while the owner is away queries are answered, with an age; a rebuild waits for it', slow, async (t) => {
  const { start, quiet } = await place(t)
  const both = await start([shop(), board(stockOne())])
  await clients(both).shop.sell({ sku: 'a', count: 3 })
  await quiet(both)
  await both.stop()

  const away = service(Shop, {
    handlers: Object.fromEntries(
      Object.keys(Shop.operations).map((name) => [
        name,
        () => {
          throw new CallError('UNAVAILABLE', 'Away')
        },
      ]),
    ) as never,
  })
  const second = board(stockTwo({ before: stockOne(), histories: [past] }))
  const alone = await start([away, second])
  const { version, totals, age } = await clients(alone).board.show()
  assert.deepEqual([version, totals], [1, { a: 3 }])
  assert.ok(age! >= 0)
  await until(async () => (await clients(alone).board.show()).age! > age!)
  await alone.stop()

  const running = await start([shop(), second])
  await until(async () => (await clients(running).board.show()).version === 2)
  assert.deepEqual((await clients(running).board.show()).totals, { a: 3 })
})

test('a projection that throws parks that key alone, and takes no place until it is mended', slow, async (t) => {
  const { start, quiet } = await place(t)
  const first = await start([shop(), board(stockOne())])
  for (let n = 0; n < 20; n++) await clients(first).shop.sell({ sku: `s${n % 4}`, count: n })
  await quiet(first)
  await first.stop()
  const trouble: Trouble = { fails: (sku) => sku === 's2' }
  const running = await start([shop(), board(stockTwo({ before: stockOne(), trouble }))])
  const { ask } = running
  const second = async () => (await ask<{ deadLetters: number; events: number; state: string }[]>('list'))[1]!
  await until(async () => (await second()).deadLetters === 1)
  await until(async () => (await second()).events === 20)
  assert.equal((await second()).state, 'building')
  await assert.rejects(ask('switch'), /no build beside the one that is served has caught up/)
  // As those of any consumer: listed, shown, edited within what the consumer reads, retried, each with its entry in the audit.
  const dead = running.dead()
  const [letter, ...others] = await dead.list()
  assert.deepEqual([letter?.consumer, letter?.message.key, others], ['board/stock-2/items', 's2', []])
  assert.equal((await dead.groups())[0]?.count, 1)
  assert.equal((await dead.show(letter!.id)).held, letter!.held)
  await assert.rejects(dead.edit(letter!.id, '{"sku":1}', 'a try'), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(dead.show('zzzzzzzz'), { code: 'NOT_FOUND' })
  assert.equal((await running.status()).services.find(({ service }) => service === 'board')?.dead, 1 + letter!.held)
  trouble.fails = () => false
  assert.equal(await dead.retry({ ids: [letter!.id] }, 'me'), 1)
  assert.deepEqual(
    (await dead.audit()).map(({ action, by }) => [action, by]),
    [['retry', 'me']],
  )
  await until(async () => (await clients(running).board.show()).version === 2)
  assert.deepEqual((await clients(running).board.show()).totals, await clients(running).shop.truth())
})

test(
  'effects that a later version brings say nothing of the past; the release before goes on after the switch',
  slow,
  async (t) => {
    const { start, quiet } = await place(t)
    const silent = stockOne({ silent: true })
    const first = await start([shop(), board(silent)])
    for (let n = 0; n < 50; n++) await clients(first).shop.sell({ sku: `s${n % 5}`, count: 1 })
    await quiet(first)
    await first.stop()
    const later = await start([shop(), board(stockTwo({ before: silent }))])
    await until(async () => (await clients(later).board.show()).version === 2)
    for (let n = 0; n < 7; n++) await clients(later).shop.sell({ sku: `s${n % 5}`, count: 1 })
    await quiet(later)
    assert.equal((await clients(later).board.effects()).length, 7)
    await later.stop()
    // As a copy of the release before finds it, while releases are changed.
    const former = await start([shop(), board(silent)])
    await clients(former).shop.sell({ sku: 's1', count: 1 })
    await quiet(former)
    const { version, totals } = await clients(former).board.show()
    assert.deepEqual([version, totals], [1, await clients(former).shop.truth()])
  },
)

/** An embedded database is one process's own. */
const alone = elsewhere === false && 'one process has the store'

test(
  'two copies build from one history at once, and one of them dies: each event counts once',
  { ...slow, skip: alone },
  async (t) => {
    const { start, quiet } = await place(t)
    const before = await start([shop(), board(stockOne())])
    for (let n = 0; n < 600; n++) await clients(before).shop.sell({ sku: `s${n % 10}`, count: n })
    await quiet(before)
    await before.stop()

    const owner = await start([shop()])
    const second = stockTwo({ before: stockOne(), histories: [past] })
    const half = gate()
    const reading = (name: string, read: string[]) =>
      shop(async ({ position }) => {
        read.push(name)
        if (name !== 'first' || position < 400) return
        half.open()
        await new Promise(() => {})
      })
    const read: string[] = []
    const first = await start([reading('first', read), board(second)], { copy: 1 })
    await half.opened
    const other = await start([reading('second', read), board(second)], { copy: 2 })
    // The first one lives: what it has begun is its own.
    await until(async () => (await other.ask<{ phase: string }[]>('list'))[1]!.phase === 'history')
    assert.ok(!read.includes('second'))
    await first.stop({ timeout: 0 })
    for (let n = 0; n < 50; n++) await clients(owner).shop.sell({ sku: `s${n % 10}`, count: 1 })
    await until(async () => (await clients(other).board.show()).version === 2)
    await quiet(owner)
    await quiet(other)
    assert.ok(read.includes('second'))
    assert.deepEqual((await clients(other).board.show()).totals, await clients(owner).shop.truth())
  },
)

test('two copies share the partitions, and show the same after a switch by one of them', { ...slow, skip: alone }, async (t) => {
  const { start, quiet } = await place(t)
  const model = stockTwo({ before: stockOne() })
  const copies = [await start([shop(), board(model)], { copy: 1 }), await start([shop(), board(model)], { copy: 2 })]
  const writing = Promise.all(
    copies.map(async (copy, at) => {
      for (let n = 0; n < 150; n++) await clients(copy).shop.sell({ sku: `${at} ${n % 15}`, count: 1 })
    }),
  )
  const shown = async () => Promise.all(copies.map((copy) => clients(copy).board.show()))
  await until(async () => (await shown()).every(({ version }) => version === 2))
  await writing
  for (const copy of copies) await quiet(copy)
  const truth = await clients(copies[0]!).shop.truth()
  assert.deepEqual(
    (await shown()).map(({ totals }) => totals),
    [truth, truth],
  )
  await copies[0]!.ask('back')
  await until(async () => (await shown()).every(({ version }) => version === 1))
  assert.deepEqual(
    (await shown()).map(({ totals }) => totals),
    [truth, truth],
  )
})
