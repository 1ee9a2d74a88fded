import assert from 'node:assert/strict'
import { collector } from '../../collector.test-support.ts'
import { proxyTo } from '../../proxy.test-support.ts'
import { eventually, onServers } from './wal.test-support.ts'

const check = await onServers()

check('a connection that answers nothing while the log is being begun is given up, wherever it stopped', async (place) => {
  const proxy = await proxyTo(place.url)
  const { got, deliver } = collector()
  let n = 0
  for (const at of [/SET enable_seqscan/, /START_REPLICATION/]) {
    const before = place.relay(deliver)
    await before.use('wal')
    await before.stop()
    // Where there is a slot, its log is read at once.
    proxy.muteAt = at
    const relay = place.relay(deliver, { connection: { connectionString: proxy.url, connectionTimeoutMillis: 300 } })
    await place.publish({ type: 'counted', key: 'key-0', data: n++ })
    await eventually(() => got.length === n)
    assert.equal(proxy.muteAt, undefined)
    await relay.stop()
  }
  await proxy.stop()
})
