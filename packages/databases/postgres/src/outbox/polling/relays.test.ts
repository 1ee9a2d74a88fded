import assert from 'node:assert/strict'
import type { OutboxMessage } from 'dure/data'
import { collector } from '../../collector.test-support.ts'
import { assertWhole, publishing } from '../../load.test-support.ts'
import { onServers } from '../outbox.test-support.ts'
import { relayProcesses, type Relays } from '../relays.test-support.ts'
import { LANES } from '../schema.ts'

const check = await onServers()

const messagesOf = ({ got }: Relays): readonly OutboxMessage[] => got.map(({ message }) => message)
const distinct = (relays: Relays): number => new Set(messagesOf(relays).map(({ id }) => id)).size

check(
  'relays share the lanes; killed ones are stood in for, new ones get theirs, and nothing is lost or overtaken',
  async (place) => {
    const relays = relayProcesses(place.url)
    try {
      const stop = publishing(place)
      let alive = [relays.start('a')]
      await relays.until(() => alive[0]!.lanes() === LANES)
      alive.push(relays.start('b'), relays.start('c'))
      const shared = (): boolean =>
        alive.every((each) => each.lanes() >= 4) && alive.reduce((sum, each) => sum + each.lanes(), 0) === LANES
      await relays.until(shared)
      for (const name of ['d', 'e', 'f']) {
        const [oldest, ...others] = alive
        const before = relays.got.length
        await relays.until(() => relays.got.length > before + 50)
        await oldest!.kill()
        alive = [...others, relays.start(name)]
        await relays.until(shared)
      }
      const total = await stop()
      await relays.until(() => distinct(relays) === total)
      assertWhole(messagesOf(relays), total)
      assert.ok(new Set(relays.got.map(({ by }) => by)).size >= 5, 'many had a part in it')
      while ((await place.left()) > 0);
    } finally {
      await relays.close()
    }
  },
)

check('a relay that was frozen past its lease finds that its lanes are others’: what it removes stays', async (place) => {
  const relays = relayProcesses(place.url)
  try {
    const frozen = relays.start('frozen')
    await relays.until(() => frozen.lanes() === LANES)
    const answer = relays.withhold('frozen')
    await place.publish({ type: 'counted', key: 'key', data: 0 })
    await relays.until(() => relays.got.length === 1)
    frozen.freeze()

    // Its successor delivers the same, and is not answered either: the row is in the table all the time.
    relays.withhold('successor')
    const successor = relays.start('successor')
    await relays.until(() => relays.got.length === 2)
    answer()
    frozen.thaw()
    await relays.until(() => frozen.warnings.some((text) => /changed hands/.test(text)))
    assert.equal(await place.left(), 1)

    // So a third one has it to deliver when the second is gone.
    await successor.kill()
    await frozen.kill()
    const third = relays.start('third')
    await place.publish({ type: 'counted', key: 'key', data: 1 })
    await relays.until(() => distinct(relays) === 2)
    assertWhole(messagesOf(relays), 2)
    assert.deepEqual(
      relays.got.map(({ by }) => by),
      ['frozen', 'successor', 'third', 'third'],
    )
    assert.equal(third.warnings.length, 0)
  } finally {
    await relays.close()
  }
})

check('relays frozen and thawed under load: nothing is lost or overtaken', async (place) => {
  const relays = relayProcesses(place.url)
  try {
    const stop = publishing(place)
    const [a, b] = [relays.start('a'), relays.start('b')]
    await relays.until(() => a.lanes() + b.lanes() === LANES && a.lanes() > 0 && b.lanes() > 0)
    for (const [frozen, other] of [
      [a, b],
      [b, a],
      [a, b],
    ] as const) {
      frozen.freeze()
      await relays.until(() => other.lanes() === LANES)
      const before = relays.got.length
      await relays.until(() => relays.got.length > before + 50)
      frozen.thaw()
      await relays.until(() => other.lanes() < LANES && frozen.lanes() > 0)
    }
    const total = await stop()
    await relays.until(() => distinct(relays) === total)
    assertWhole(messagesOf(relays), total)
  } finally {
    await relays.close()
  }
})

check('a relay that stops leaves its lanes to others at once, and its name is off the list', async (place) => {
  const { got, deliver } = collector()
  const [first, second] = [place.relay(deliver, { name: 'first' }), place.relay(deliver, { name: 'second' })]
  const flushed = Promise.all([first.flush(), second.flush()])
  await place.publish({ type: 'counted', key: 'key', data: 0 })
  await flushed
  await second.stop()
  await place.publish(...Array.from({ length: 100 }, (_, at) => ({ type: 'counted', key: `key-${at}`, data: at })))
  await first.flush()
  assert.equal(got.length, 101)
  await first.stop()
  const { rows } = await place.pool.query(
    'SELECT (SELECT count(*) FROM dure_outbox_lanes WHERE owner IS NOT NULL) + (SELECT count(*) FROM dure_outbox_relays) AS n',
  )
  assert.deepEqual(rows, [{ n: '0' }])
  await assert.rejects(first.flush(), { code: 'UNAVAILABLE' })
})

check('leases that the server gave before its clock was set back hold up nobody', async (place) => {
  const relays = relayProcesses(place.url)
  try {
    const gone = relays.start('gone')
    await relays.until(() => gone.lanes() === LANES)
    await gone.kill()
    for (const table of ['lanes', 'relays'])
      await place.pool.query(`UPDATE dure_outbox_${table} SET expires = expires + interval '1 hour'`)
    await place.publish({ type: 'counted', key: 'key', data: 0 })
    const next = relays.start('next')
    await relays.until(() => relays.got.length === 1)
    assert.equal(next.lanes(), LANES)
  } finally {
    await relays.close()
  }
})
