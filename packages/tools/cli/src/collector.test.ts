import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePort } from '@dure/testing/servers'
import { dure, temporary } from './shell.test-support.ts'
import { spawned } from './spawned.test-support.ts'

const here = { cwd: import.meta.dirname }

test('dure collector: takes lines from whoever has the token, until it is told to end', async () => {
  const port = await freePort()
  const env = { DURE_COLLECTOR_TOKEN: 'secret' }
  const data = temporary()
  const running = spawned(['collector', '--data', data, '--port', String(port)], { ...here, env })
  await running.until(/Collector at /)
  const words = `/proc/${running.child.pid}/cmdline`
  if (existsSync(words)) assert.match(readFileSync(words, 'utf8'), /\0--max-semi-space-size=8\0/, 'its young generation is small')
  const own = `/proc/${running.child.pid}/environ`
  if (existsSync(own)) assert.match(readFileSync(own, 'utf8'), /(?:^|\0)MALLOC_MMAP_THRESHOLD_=131072\0/)
  const send = async (token: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` }
    return (await fetch(`http://127.0.0.1:${port}/v1/lines`, { method: 'POST', body: 'A line', headers })).status
  }
  assert.deepEqual([await send('secret'), await send('other')], [200, 401])
  const second = await dure(['collector', '--data', data, '--port', '0'], here)
  assert.equal(second.code, 1)
  assert.match(second.err, /another one works on/)
  running.child.kill('SIGTERM')
  assert.equal(await running.exit, 0)
  assert.ok(!running.out().includes('secret'))
})

test('dure collector: a port that is taken is said', async () => {
  const port = await freePort()
  const first = spawned(['collector', '--data', join(temporary(), 'a'), '--port', String(port)], here)
  await first.until(/Collector at /)
  const { code, err } = await dure(['collector', '--data', join(temporary(), 'b'), '--port', String(port)], here)
  assert.equal(code, 1)
  assert.match(err, /Cannot open the collector on 127\.0\.0\.1:\d+: .*EADDRINUSE.*another port/)
  first.child.kill('SIGTERM')
  assert.equal(await first.exit, 0)
})
