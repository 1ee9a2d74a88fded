import assert from 'node:assert/strict'
import { collector } from '../../collector.test-support.ts'
import { createReader } from './reader.ts'
import { onServers, publish } from '../outbox.test-support.ts'

const check = await onServers()

const message = (key: number, n: number) => ({ type: 'counted', key: `key-${key}`, data: n })

check('a relay that has more to do than it can gives half of it to the next one at once', async (place) => {
  const { got, deliver } = collector()
  const fill = (n: number): Promise<void> => place.publish(...Array.from({ length: 40 }, (_, key) => message(key, n)))
  await fill(0)
  let other = false
  let calls = 0
  const busy = place.relay(
    async (messages) => {
      // What comes is always more than what goes.
      if (!other && calls < 1_000) await fill(++calls)
      await deliver(messages)
    },
    { limits: { batch: 20, lease: 400 } },
  )
  while (calls < 5) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(busy.state().lanes, 16)
  const next = place.relay(
    async (messages) => {
      other = true
      await deliver(messages)
    },
    { limits: { batch: 20, lease: 400 } },
  )
  await busy.flush()
  await next.flush()
  assert.ok(other && calls < 1_000, `it had ${next.state().lanes} lanes after ${calls} batches`)
  const seen = new Set<string>()
  const firsts = got.filter(({ id }) => !seen.has(id) && seen.add(id))
  assert.equal(firsts.length, 40 * (calls + 1))
  for (const [key, of] of Map.groupBy(firsts, ({ key }) => key)) {
    assert.deepEqual(
      of.map(({ data }) => Number(data)),
      of.map((_, n) => n),
      key,
    )
  }
})

check('what waits in the lanes of others is walked over once', async (place) => {
  await place.transaction(async (client) => {
    await publish(client, ...Array.from({ length: 200 }, (_, n) => message(n, n)))
  })
  const client = await place.client()
  const asked: unknown[] = []
  const reader = createReader({ batch: 100, bytes: 1_000_000 })
  const read = (lanes: readonly number[]) =>
    reader.read(async (text, values) => {
      asked.push(values[0])
      return (await client.query({ text, values: [...values], rowMode: 'array' })).rows as (string | number | null)[][]
    }, lanes)
  const { rows: all } = await place.pool.query<{ position: string; lane: number }>(
    'SELECT position, bucket & 15 AS lane FROM dure_outbox ORDER BY position',
  )
  const lane = all.find((row) => row.lane !== all.at(-1)!.lane)!.lane
  const own = all.filter((row) => row.lane === lane).map(({ position }) => Number(position))
  assert.deepEqual(
    (await read([lane])).rows.map(({ position }) => position),
    own,
  )
  assert.deepEqual((await read([lane])).rows, [])
  assert.deepEqual(asked, [0, Number(all.at(-1)!.position)])
  // And what was hidden before that is found all the same.
  const late = await place.client()
  await late.query('BEGIN')
  await publish(
    late,
    message(
      all.findIndex((row) => row.lane === lane),
      -1,
    ),
  )
  await place.publish(
    message(
      all.findIndex((row) => row.lane !== lane),
      -2,
    ),
  )
  assert.deepEqual((await read([lane])).rows, [])
  await late.query('COMMIT')
  assert.deepEqual(
    (await read([lane])).rows.map(({ message: { data } }) => data),
    ['-1'],
  )
})
