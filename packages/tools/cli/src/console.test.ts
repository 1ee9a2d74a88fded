import assert from 'node:assert/strict'
import { test } from 'node:test'
import { consoleDoor } from '@dure/console'
import { start } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { dure, temporary } from './shell.test-support.ts'
import { shop } from './shop.test-support.ts'

test('dure console says the link that is good, and what to do where there is no console', async () => {
  const directory = temporary()
  const none = await dure(['console', '--data', directory])
  assert.equal(none.code, 1)
  assert.match(none.err, /no system with one runs there; list consoleDoor\(\)/)
  const running = await start({ ...shop, doors: [consoleDoor({ port: 0 })] }, { directory, log: silentLogger() })
  try {
    const { page, url } = running.doors[0]!
    const said = await dure(['console', '--data', directory])
    assert.deepEqual([said.code, said.out.trim()], [0, page])
    const token = page!.split('#open=')[1]
    const used = await fetch(`${url!}/api/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
    })
    assert.equal(used.status, 200)
    const next = JSON.parse((await dure(['console', '--data', directory, '--json'])).out) as { readonly link: string }
    assert.ok(next.link.startsWith(`${url!}/#open=`) && next.link !== page)
  } finally {
    await running.stop()
  }
  assert.equal((await dure(['console', '--data', directory])).code, 1)
})
