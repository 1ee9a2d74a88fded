import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { event } from '../../contract/contract.ts'
import { hopping, session, sliding, stream, topology, tumbling, type WindowResult, type WindowShape } from '../stream.ts'
import { openView } from '../view.ts'
import { askedRecords } from './asked.ts'
import { deliveriesOf, makeRig, messageOf, MINUTE, START } from './rig.test-support.ts'

const Seen = event('page.seen', { schema: z.object({ n: z.int() }), key: () => 'k' })
const place = { topic: Seen.topic, partition: 0 }
const sum = {
  init: () => 0,
  add: (one: number, { n }: { n: number }) => one + n,
  merge: (one: number, other: number) => one + other,
}
const seen = (key: string, seconds: number, n: number) => messageOf(Seen, key, START + seconds * 1_000, { n })

/** A window's view after these events, at the watermark of the last of them. */
async function viewOf(t: TestContext, shape: WindowShape, messages: readonly ReturnType<typeof seen>[]) {
  const table = stream(Seen)
    .byKey()
    .window(shape, { late: 'update', grace: '10s' })
    .aggregate({ name: 'sums', ...sum })
  const rig = await makeRig(t, topology('views', [table]))
  rig.runtime.jump(10 * MINUTE)
  const reader = rig.reader('shared', 0)
  await reader.assigned({ ...place, epoch: 1, broker: 'b' })
  await reader.deliver(deliveriesOf(messages, 0), place)
  const asked = { ...askedRecords(rig.store, 'views'), progress: () => Promise.reject(new Error('not asked')) }
  return openView({ part: 'sums', read: table.node.read! }, asked)
}
const shown = (value: unknown): string => {
  const { start, end, value: made } = value as WindowResult<number>
  return `${(start - START) / 1_000}–${(end - START) / 1_000}: ${made}`
}

test('every kind of window is asked by key and time: those that are open or in their grace', { timeout: 60_000 }, async (t) => {
  const messages = [seen('k', 0, 1), seen('k', 7, 10), seen('l', 8, 5), seen('k', 21, 100), seen('k', 42, 1_000)]
  const expected: readonly (readonly [WindowShape, readonly string[]])[] = [
    [tumbling('10s'), ['40–50: 1000']],
    // The window that ended at 30 has 10 seconds of grace: over at 40.
    [hopping('20s', { every: '5s' }), ['15–35: 100', '20–40: 100', '25–45: 1000', '30–50: 1000', '35–55: 1000', '40–60: 1000']],
    [sliding('30s'), ['12–42: 1100']],
    [session('12s'), ['21–33: 100', '42–54: 1000']],
  ]
  const span = { from: START + 20_000, to: START + 25_000 }
  for (const [shape, all] of expected) {
    const view = await viewOf(t, shape, messages)
    assert.deepEqual((await view.find('k')).map(shown), all, shape.kind)
    const some = all.filter((one) => Number(one.split('–')[0]) >= 20 && Number(one.split('–')[0]) <= 25)
    assert.deepEqual((await view.find('k', span)).map(shown), some, shape.kind)
    assert.deepEqual(await view.find('nobody'), [])
  }
})

test('a page ends between keys, and none is left out though its windows are over', { timeout: 60_000 }, async (t) => {
  const keys = ['', '#', 'a', 'b', 'c', 'd', 'e', 'k'.repeat(300)]
  const messages = [
    ...['gone', 'gone too'].map((key) => seen(key, 0, 1)),
    ...keys.flatMap((key) => [seen(key, 25, 1), seen(key, 35, 2), seen(key, 38, 3)]),
  ]
  const view = await viewOf(t, hopping('20s', { every: '10s' }), messages)
  for (const limit of [1, 2, 3, 100]) {
    const found = new Map<string, string[]>()
    for (let after: string | undefined; ;) {
      const page = await view.list({ limit, ...(after !== undefined && { after }) })
      if (page.length === 0) break
      assert.ok(new Set(page.map(({ key }) => key)).size <= limit)
      for (const { key, value } of page) found.set(key, [...(found.get(key) ?? []), shown(value)])
      assert.notEqual(after, page.at(-1)!.key)
      after = page.at(-1)!.key
    }
    assert.deepEqual([...found.keys()].toSorted(), keys.toSorted())
    for (const windows of found.values()) assert.deepEqual(windows, ['10–30: 1', '20–40: 6', '30–50: 5'])
  }
  const between = await view.list({ limit: 100, after: 'a', before: 'd', from: START + 20_000, to: START + 20_000 })
  assert.deepEqual(
    between.map(({ key, value }) => `${key} ${shown(value)}`),
    ['b 20–40: 6', 'c 20–40: 6'],
  )
  await assert.rejects(async () => view.list({ limit: 0 }), /"limit" is 0; give how many keys/)
})
