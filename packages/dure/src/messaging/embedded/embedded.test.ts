import assert from 'node:assert/strict'
import { mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import type { Message } from '../../contract/contract.ts'
import { realRuntime, virtualRuntime, type Runtime } from '../../runtime/runtime.ts'
import { createLogger, silentLogger } from '../../telemetry/telemetry.ts'
import { until } from '../numbered.conformance.ts'
import { collector, isCallError } from '../rig.conformance.ts'
import type { Broker } from '../broker.ts'
import { lines, runUntilKilled } from '../killed.test-support.ts'
import { partitionOf } from '../partitioner.ts'
import { createCommits } from './commits.ts'
import { embeddedBroker, type EmbeddedBrokerOptions } from './embedded.ts'
import { openBrokerFile } from './file.ts'

const runtime = realRuntime()
const child = fileURLToPath(new URL('./child.test-support.ts', import.meta.url))

async function directoryOf(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'dure-embedded-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  return directory
}

function openBroker(
  directory: string,
  options: EmbeddedBrokerOptions = {},
  world: Partial<{ runtime: Runtime; lines: string[] }> = {},
): Promise<Broker> {
  const { lines } = world
  const log = lines ? createLogger({ clock: runtime.clock, write: (line) => void lines.push(line) }) : silentLogger()
  return embeddedBroker(options)({ directory, runtime: world.runtime ?? runtime, log })
}

function message(type: string, key: string, data = 'null', at: Runtime = runtime): Message {
  return {
    id: at.ids.next(),
    source: 'test',
    type,
    key,
    time: at.clock.now(),
    schemaVersion: 1,
    correlationId: 'c',
    causationId: undefined,
    traceparent: undefined,
    data,
  }
}

test('nothing acknowledged is lost when the process is killed, three times over', { timeout: 60_000 }, async (t) => {
  const directory = await directoryOf(t)
  const acknowledged = { topic: new Set<string>(), queue: new Set<string>() }
  for (const count of [5, 60, 200]) {
    for (const line of await runUntilKilled(child, ['publish', directory], lines(count))) {
      const [first, second, work] = line.split(' ')
      acknowledged.topic.add(first!).add(second!)
      acknowledged.queue.add(work!)
    }
  }
  assert.ok(acknowledged.topic.size >= 500, 'the children published')
  const broker = await openBroker(directory)
  t.after(() => broker.stop())
  const events = collector()
  const work = new Set<string>()
  await broker.subscribe({ group: 'g', topics: ['topic'], deliver: events.deliver })
  await broker.receive({ queue: 'queue', handle: async ({ id }) => void work.add(id) })
  const all = (ids: Set<string>, of: Set<string>): boolean => [...of].every((id) => ids.has(id))
  await until(() => all(events.ids, acknowledged.topic) && all(work, acknowledged.queue))
  // Each key's ids were made in order, one after another was acknowledged.
  const last = new Map<string, string>()
  for (const {
    message: { id, key },
  } of events.deliveries) {
    assert.ok(id > (last.get(key) ?? ''), `"${key}" is in order`)
    last.set(key, id)
  }
})

test('a damaged file is refused with its name and what to do, and left as it is', { timeout: 60_000 }, async (t) => {
  const directory = await directoryOf(t)
  const path = join(directory, 'broker.db')
  const broker = await openBroker(directory)
  await broker.publish(Array.from({ length: 500 }, (_, n) => message('topic', `k${n}`, JSON.stringify('x'.repeat(500)))))
  await broker.stop()
  const whole = await readFile(path)

  const refused = async (): Promise<void> => {
    const before = await readFile(path)
    await assert.rejects(openBroker(directory), (error: Error) => {
      isCallError(error, 'DATA_LOSS')
      assert.ok(error.message.includes(path))
      assert.match(error.message, /restore a backup/)
      return true
    })
    assert.deepEqual(await readFile(path), before)
  }
  await truncate(path, Math.floor(whole.length / 2))
  await refused()
  await truncate(path, 50)
  await refused()
  await truncate(path, 0)
  await refused()
  await writeFile(path, 'this is not a database, though long enough to be taken for one'.repeat(200))
  await refused()
  await writeFile(path, whole)
  const file = await open(path, 'r+')
  await file.write(Buffer.alloc(4096, 0xa5), 0, 4096, 4096 * 3)
  await file.close()
  await refused()

  await writeFile(path, whole)
  const again = await openBroker(directory)
  assert.equal((await again.browse({ topic: 'topic', partition: 0, limit: 1000 })).length > 0, true)
  await again.stop()
})

test(
  'a file in use, a directory that cannot be made and a foreign database are refused in words',
  { timeout: 60_000 },
  async (t) => {
    const directory = await directoryOf(t)
    const broker = await openBroker(directory)
    await assert.rejects(
      openBroker(directory),
      (error: Error) => isCallError(error, 'FAILED_PRECONDITION') && /another process/.test(error.message),
    )
    await broker.stop()
    await assert.rejects(openBroker(join(directory, 'broker.db', 'below')), (error: Error) => /broker\.db/.test(error.message))
    const other = join(directory, 'other')
    const file = openBrokerFile(other, runtime.random)
    file.db.exec('PRAGMA user_version = 99')
    file.close()
    await assert.rejects(
      openBroker(other),
      (error: Error) => isCallError(error, 'FAILED_PRECONDITION') && /version 99/.test(error.message),
    )
  },
)

test(
  'concurrent publishers share commits: what one does wrong is its own affair, and a file in trouble fails them all and leaves nothing',
  { timeout: 60_000 },
  async (t) => {
    const file = openBrokerFile(await directoryOf(t), runtime.random)
    t.after(() => file.close())
    const commits = createCommits({ file, runtime, pending: 1000 })
    file.db.exec('CREATE TABLE numbers (n INTEGER)')
    const insert = file.db.prepare('INSERT INTO numbers (n) VALUES (?)')
    const add = (n: number): Promise<void> => commits.add({ write: () => void insert.run(n) })
    await Promise.all(Array.from({ length: 100 }, (_, n) => add(n)))
    assert.equal(commits.count(), 1)

    let failed = 0
    const write = (work: () => void): Promise<void> => commits.add({ write: work, failed: () => void failed++ })
    const twoAt = (work: () => void): Promise<string[]> =>
      Promise.allSettled([write(() => void insert.run(1000)), write(work), write(() => void insert.run(1001))]).then((all) =>
        all.map(({ status }) => status),
      )
    assert.deepEqual(await twoAt(() => assert.fail('its own mistake')), ['fulfilled', 'rejected', 'fulfilled'])
    // What a failed write has left undone was told to all that were undone with it.
    assert.equal(failed, 3)
    assert.deepEqual(
      await twoAt(() => {
        throw Object.assign(new Error('database or disk is full'), { errcode: 13 })
      }),
      ['rejected', 'rejected', 'rejected'],
    )
    assert.equal(failed, 6)
    await add(2000)
    const { count, largest } = file.db.prepare('SELECT count(*) AS count, max(n) AS largest FROM numbers').get()!
    assert.deepEqual([count, largest], [103, 2000])
  },
)

test('a write resolves when the disk is flushed; what is committed meanwhile shares the next flush', async (t) => {
  const file = openBrokerFile(await directoryOf(t), runtime.random)
  t.after(() => file.close())
  const flushes: { resolve: () => void; reject: (error: Error) => void }[] = []
  const disk = {
    flush: () => new Promise<void>((resolve, reject) => void flushes.push({ resolve, reject })),
    flushSync: () => assert.fail('too much waits'),
  }
  const commits = createCommits({ file, runtime, pending: 1000, disk })
  const done: number[] = []
  const add = async (n: number, relaxed = false): Promise<void> => {
    await commits.add({ write: () => {}, relaxed })
    done.push(n)
  }
  const first = add(1)
  await until(() => flushes.length === 1)
  const second = add(2)
  await add(0, true)
  await add(0, true)
  const third = add(3)
  await add(0, true)
  assert.deepEqual(done, [0, 0, 0])
  flushes[0]!.resolve()
  await first
  await until(() => flushes.length === 2)
  assert.deepEqual(done, [0, 0, 0, 1])
  flushes[1]!.resolve()
  await Promise.all([second, third])
  assert.equal(flushes.length, 2)

  // A flush that fails leaves nobody in belief, now or later.
  const fourth = add(4)
  await until(() => flushes.length === 3)
  flushes[2]!.reject(new Error('EIO'))
  await assert.rejects(fourth, (error: Error) => isCallError(error, 'UNAVAILABLE') && /EIO/.test(error.message))
  await assert.rejects(add(5), /check the disk and restart/)
})

test('a full buffer is committed at once instead of growing', { timeout: 60_000 }, async (t) => {
  const file = openBrokerFile(await directoryOf(t), runtime.random)
  t.after(() => file.close())
  const commits = createCommits({ file, runtime, pending: 10 })
  const all = Array.from({ length: 25 }, () => commits.add({ write: () => {} }))
  assert.equal(commits.count(), 2)
  await Promise.all(all)
  assert.equal(commits.count(), 3)
})

test('a reader far behind gets everything in order, from the table and then from memory', { timeout: 60_000 }, async (t) => {
  const broker = await openBroker(await directoryOf(t), { durability: 'process' })
  t.after(() => broker.stop())
  await broker.declareTopic('topic', { partitions: 1 })
  let publishing = true
  let published = 0
  const seen = collector()
  const publisher = (async () => {
    while (publishing) {
      await broker.publish(Array.from({ length: 50 }, () => message('topic', 'k')))
      published += 50
    }
  })()
  await until(() => published > 1500)
  await broker.subscribe({
    group: 'g',
    topics: ['topic'],
    batch: 100,
    deliver: async (batch) => {
      await seen.deliver(batch)
      await new Promise((resolve) => setImmediate(resolve))
    },
  })
  await until(() => seen.ids.size > 3000)
  publishing = false
  await publisher
  await until(() => seen.ids.size === published)
  assert.deepEqual(
    seen.deliveries.map(({ position }) => Number(position)),
    Array.from({ length: published }, (_, n) => n),
  )
})

test(
  'retention by time deletes what is old, tells whose it was, and never gives an offset twice',
  { timeout: 60_000 },
  async (t) => {
    const world = virtualRuntime()
    const lines: string[] = []
    const directory = await directoryOf(t)
    /** Virtual time moves only when it is told to, so whatever waits for a commit needs it to. */
    const during = async <T>(work: Promise<T>): Promise<T> => {
      let over = false
      const end = work.finally(() => void (over = true))
      end.catch(() => {})
      while (!over) await world.advance(0)
      return end
    }
    let broker = await openBroker(directory, { sweep: 1000, durability: 'process' }, { runtime: world, lines })
    await during(broker.declareTopic('topic', { partitions: 1, retention: { ms: 10_000 } }))
    const slow = await during(
      broker.subscribe({ group: 'slow', topics: ['topic'], batch: 1, deliver: () => Promise.reject(new Error('busy')) }),
    )
    await during(slow.stop())
    await during(broker.publish([1, 2, 3].map((n) => message('topic', 'k', String(n), world))))
    await world.advance(8000)
    await during(broker.publish([message('topic', 'k', '4', world)]))
    await world.advance(4000)
    const left = await broker.browse({ topic: 'topic', partition: 0, limit: 10 })
    assert.deepEqual(
      left.map(({ message: { data } }) => data),
      ['4'],
    )
    const lost = async (): Promise<readonly (number | undefined)[]> => (await broker.lag()).map((one) => one.lost)
    assert.deepEqual(await lost(), [3])
    const warning = lines.find((line) => line.includes('Retention'))
    assert.match(warning!, /"slow"/)
    assert.match(warning!, /"unread":3/)

    await world.advance(20_000)
    assert.deepEqual(await broker.browse({ topic: 'topic', partition: 0, limit: 10 }), [])
    await during(broker.stop())
    broker = await openBroker(directory, { durability: 'process' }, { runtime: world })
    await during(broker.publish([message('topic', 'k', '5', world)]))
    const [next] = await broker.browse({ topic: 'topic', partition: 0, limit: 10 })
    assert.equal(next!.position, '4')
    assert.deepEqual(
      (await broker.lag()).map(({ lag }) => lag),
      [1],
    )
    // Counted once, over restarts, readers that come back, and what they do then.
    assert.deepEqual(await lost(), [4])
    const again = await during(broker.subscribe({ group: 'slow', topics: ['topic'], deliver: async () => {} }))
    await world.advance(1_000)
    await during(again.stop())
    assert.deepEqual(await lost(), [4])
    await during(broker.stop())
    broker = await openBroker(directory, { durability: 'process' }, { runtime: world })
    assert.deepEqual(await lost(), [4])
    await during(broker.stop())
  },
)

test('retention by size keeps the newest', { timeout: 60_000 }, async (t) => {
  const world = virtualRuntime()
  const broker = await openBroker(await directoryOf(t), { sweep: 1000, durability: 'process' }, { runtime: world })
  let ready = false
  const work = (async () => {
    await broker.declareTopic('topic', { partitions: 2, retention: { bytes: 20_000 } })
    for (let n = 0; n < 100; n++) await broker.publish([message('topic', `k${n}`, JSON.stringify(`${n} `.padEnd(500)), world)])
    ready = true
  })()
  while (!ready) await world.advance(1)
  await work
  await world.advance(1500)
  const kept = (await Promise.all([0, 1].map((partition) => broker.browse({ topic: 'topic', partition, limit: 1000 })))).flat()
  assert.ok(kept.length > 10 && kept.length < 40, `${kept.length} kept`)
  const numbers = kept.map(({ message: { data } }) => Number.parseInt(JSON.parse(data) as string, 10))
  assert.ok(numbers.includes(99))
  const stopping = broker.stop()
  await world.advance(1)
  await stopping
})

test('everything of a key goes to one partition, and keys spread over all', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 64 }), (key, partitions) => {
      const partition = partitionOf(key, partitions)
      assert.ok(Number.isInteger(partition) && partition >= 0 && partition < partitions)
      assert.equal(partitionOf(key, partitions), partition)
    }),
  )
  const counts = Array.from({ length: 8 }, () => 0)
  for (let n = 0; n < 8000; n++) counts[partitionOf(`order-${n}`, 8)]!++
  assert.ok(Math.min(...counts) > 700 && Math.max(...counts) < 1300, counts.join(' '))
  // Written data depend on these for ever.
  assert.deepEqual(
    ['', 'a', 'order-1', '주문-1'].map((key) => partitionOf(key, 1024)),
    [1020, 308, 914, 552],
  )
})

test('the file does not grow while nothing happens', { timeout: 60_000 }, async (t) => {
  const directory = await directoryOf(t)
  const broker = await openBroker(directory)
  await broker.publish([message('topic', 'k')])
  await broker.stop()
  const { size } = await stat(join(directory, 'broker.db'))
  await (await openBroker(directory)).stop()
  assert.equal((await stat(join(directory, 'broker.db'))).size, size)
})
