/** A million keys in one window, with memory for a tenth of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { event } from '../../contract/contract.ts'
import { stream, topology, tumbling } from '../stream.ts'
import { deliveriesOf, makeRig, messageOf, MINUTE, START } from './rig.test-support.ts'

const KEYS = Number(process.env['DURE_STREAM_KEYS'] ?? 1_000_000)
const BATCH = 4_096
const Seen = event('page.seen', { schema: z.object({ key: z.string() }), key: ({ key }) => key })
const Told = event('page.told', { schema: z.object({ key: z.string(), n: z.int() }), key: ({ key }) => key })

test(
  'a window of more keys than there is memory for is held, and told whole when it closes',
  { timeout: 1_200_000 },
  async (t) => {
    const told = stream(Seen)
      .byKey()
      .window(tumbling('1m'), { late: 'drop' })
      .count({ name: 'counts' })
      .to(Told, ({ key, value }) => ({ key, n: value }))
    const rig = await makeRig(t, topology('many', [told]))
    const place = { topic: Seen.topic, partition: 0 }
    rig.memory = KEYS * 15
    let reader = rig.reader('shared', 0)
    await reader.assigned({ ...place, epoch: 1, broker: 'b' })
    rig.runtime.jump(10 * MINUTE)
    let most = 0
    const give = async (keys: number, step: number): Promise<void> => {
      for (let from = 0; from < keys; from += BATCH) {
        const some = Array.from({ length: Math.min(BATCH, keys - from) }, (_, n) => `k${(from + n) * step}`)
        await reader.deliver(
          deliveriesOf(
            some.map((key) => messageOf(Seen, key, START, { key })),
            0,
          ),
          place,
        )
        most = Math.max(most, reader.status().bytes)
      }
    }
    await give(KEYS, 1)
    assert.equal(reader.status().isPartial, true)
    // Every tenth once more, by another process, which has read no more than it may have.
    reader = rig.reader('shared', 0)
    await reader.assigned({ ...place, epoch: 2, broker: 'b' })
    assert.ok(reader.status().bytes < rig.memory * 2, `${reader.status().bytes} bytes after a restart`)
    await give(KEYS / 10, 10)
    assert.ok(most < rig.memory * 1.5, `${most} bytes at most`)
    await reader.deliver(deliveriesOf([messageOf(Seen, 'last', START + MINUTE, { key: 'last' })], 0), place)
    const counts = rig.published.map(({ data }) => (JSON.parse(data) as { n: number }).n)
    assert.deepEqual([counts.length, counts.filter((n) => n === 2).length], [KEYS, KEYS / 10])
  },
)
