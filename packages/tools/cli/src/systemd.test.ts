import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort } from '@dure/testing/servers'
import { activated, notifySocket, skip, takesOver } from './systemd.test-support.ts'

test('a door takes the socket that systemd holds, and systemd hears when it is ready', { skip, timeout: 120_000 }, (t) =>
  takesOver(t, []),
)

test('a socket that no door would take is refused', { skip, timeout: 60_000 }, async (t) => {
  const { path } = await notifySocket(t)
  const port = await freePort()
  const running = activated([], { port, name: 'shop.socket', notify: path })
  await running.until(/Listening on 127/)
  await fetch(`http://127.0.0.1:${port}/notes/count`).catch(() => {})
  assert.equal(await running.exit, 1)
  const why =
    /Cannot take the socket "shop\.socket": no door listens by that name; there are rest, control\. .*FileDescriptorName=/
  assert.match(running.err(), why)
})
