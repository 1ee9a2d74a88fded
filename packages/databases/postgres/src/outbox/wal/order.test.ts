import assert from 'node:assert/strict'
import { collector } from '../../collector.test-support.ts'
import { assertWhole, publishing } from '../../load.test-support.ts'
import { eventually, onServers } from './wal.test-support.ts'
import { VERSIONS } from '../../server.test-support.ts'

const check = await onServers(VERSIONS)

check(
  'switched to and fro under load, by word: nothing lost, each key in order, and no more than a few come twice',
  async (place) => {
    const { got, deliver, until } = collector()
    const relay = place.relay(deliver, { mode: 'polling' })
    await relay.ready
    assert.equal(relay.state().by, 'polling')
    const stop = publishing(place)
    for (const way of ['wal', 'polling', 'wal', 'polling', 'wal'] as const) {
      await relay.use(way)
      assert.equal(relay.state().by, way)
      const before = got.length
      await until(() => got.length > before + 200)
      if (way === 'polling') await eventually(async () => (await place.slots()).length === 0)
      else assert.equal((await place.slots()).length, 1)
    }
    const total = await stop()
    await relay.flush()
    assertWhole(got, total)
    await relay.stop()
    assert.equal(await place.left(), 0)
  },
)

check('switched to and fro under load, by starting with the other option: nothing lost, each key in order', async (place) => {
  const { got, deliver, until } = collector()
  const stop = publishing(place)
  for (const way of ['wal', 'polling', 'wal', 'polling', 'wal'] as const) {
    const relay = place.relay(deliver, { mode: way })
    const before = got.length
    await until(() => got.length > before + 200)
    await eventually(() => relay.state().by === way)
    // Half of them leave with messages in hand.
    await relay.stop({ timeout: way === 'wal' ? 0 : 1_000 })
  }
  const total = await stop()
  const last = place.relay(deliver)
  await last.flush()
  assertWhole(got, total)
})
