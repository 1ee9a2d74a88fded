import assert from 'node:assert/strict'
import { collector } from '../../collector.test-support.ts'
import { assertWhole, publishing } from '../../load.test-support.ts'
import { proxyTo } from '../../proxy.test-support.ts'
import { eventually, onServers } from './wal.test-support.ts'
import { VERSIONS } from '../../server.test-support.ts'

const check = await onServers(VERSIONS)

/** What a relay asks for on its way, one step after the other. */
const STEPS = {
  wal: [
    ['the publication', /CREATE PUBLICATION/],
    ['the temporary slot', /pg_create_logical_replication_slot/],
    ['the lock', /pg_advisory_xact_lock\(\$1/],
    ['the slot', /pg_copy_logical_replication_slot/],
    ['the end of the lock', /COMMIT/],
    ['the note', /INSERT INTO dure_outbox_relays VALUES/],
    ['the log', /START_REPLICATION/],
  ],
  polling: [
    ['the log up to its end', /dure\/flush/],
    ['the lock', /pg_advisory_xact_lock\(\$1/],
    ['the end of reading', /slot_name = \$1 AND active/],
    ['the slot', /SELECT pg_drop_replication_slot/],
    ['the end of the lock', /COMMIT/],
  ],
} as const

check(
  'cut off at any step of a switch, under load: the next relay goes on; nothing is lost, each key in order',
  async (place) => {
    const { got, deliver, until } = collector()
    const stop = publishing(place, { publishers: 3, pause: 1 })
    const direct = { connection: place.url }
    for (const [to, from] of [
      ['wal', 'polling'],
      ['polling', 'wal'],
    ] as const) {
      for (const [what, step] of STEPS[to]) {
        const before = place.relay(deliver, { ...direct, mode: from })
        await before.use(from)
        await before.stop({ timeout: 500 })
        const proxy = await proxyTo(place.url)
        const cut = place.relay(deliver, { connection: proxy.url, mode: from })
        await cut.use(from)
        proxy.muteAt = step
        const switched = cut.use(to).then(
          () => assert.ok(what === 'the publication' && proxy.muteAt !== undefined, `${to}: not cut off at ${what}`),
          () => {},
        )
        await Promise.race([switched, eventually(() => proxy.muteAt === undefined)])
        proxy.closed = true
        proxy.cut()
        await cut.stop({ timeout: 0 })
        await switched
        await proxy.stop()
        const next = place.relay(deliver, { ...direct, mode: to })
        await next.use(to)
        const seen = got.length
        await until(() => got.length > seen + 50)
        assert.equal(next.state().rung.lost, 0, `${to}, ${what}`)
        await next.stop({ timeout: 500 })
      }
    }
    const total = await stop()
    const last = place.relay(deliver, { ...direct, mode: 'polling' })
    await last.use('polling')
    await last.flush()
    assertWhole(got, total)
    assert.deepEqual(await place.slots(), [])
  },
)
