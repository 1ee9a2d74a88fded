import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { rateLimit, refusedBy } from 'dure/resilience'
import { missingServer } from '@dure/testing/servers'
import { redisRateLimit } from './redis.ts'
import { clientFor, serverFor, until } from './redis.test-support.ts'

for (const kind of ['redis', 'valkey'] as const) {
  const skip = missingServer(kind)

  test(`${kind}: processes share a limit to the call, whatever their clocks say`, { skip }, async (t) => {
    const { url } = await serverFor(t, kind)
    const words = [JSON.stringify({ url, rate: 7, per: 3_600_000, times: 6 })]
    const program = fileURLToPath(new URL('rate-limit.child.test-support.ts', import.meta.url))
    const children = [1, 2, 3].map(() => fork(program, words, { execArgv: ['--conditions=dure-source'] }))
    t.after(() => children.forEach((child) => void child.kill('SIGKILL')))
    await Promise.all(children.map((child) => once(child, 'message')))
    const taken = await Promise.all(
      children.map(async (child) => {
        child.send('go')
        const [said] = (await once(child, 'message')) as [{ readonly taken: number }]
        return said.taken
      }),
    )
    assert.equal(
      taken.reduce((sum, one) => sum + one, 0),
      7,
    )
  })

  test(`${kind}: each key by itself; one may be made after what is said; keys go by themselves`, { skip }, async (t) => {
    const server = await serverFor(t, kind)
    const limit = redisRateLimit({ url: server.url, name: 'a', rate: 1, per: 300, burst: 2, timeout: 30_000 })
    t.after(() => limit.close())
    const long = 'k'.repeat(10_000)
    const client = await clientFor(t, server)
    for (const key of ['', 'ü:{}', long]) {
      let admitted = 0
      let refused
      while ((refused = await limit.take(key)).ok) admitted++
      assert.ok(admitted >= 2, `${admitted} at once`)
      assert.ok(refused.after > 0 && refused.after <= 300, `${refused.after} ms`)
      await until(async () => (await limit.take(key)).ok)
    }
    const names = await client.keys('*')
    assert.ok(names.every((name) => name.startsWith('dure:rate:a:') && name.length < 300))
    await until(async () => (await client.keys('*')).length === 0)
  })

  test(`${kind}: a clock of the server's that was set back holds nobody up for longer than one call`, { skip }, async (t) => {
    const server = await serverFor(t, kind)
    const limit = redisRateLimit({ url: server.url, name: 'a', rate: 1, per: 1_000, timeout: 30_000 })
    t.after(() => limit.close())
    const client = await clientFor(t, server)
    // What it would find: a call that is due in an hour.
    await client.set('dure:rate:a:k', String((Date.now() + 3_600_000) * 1_000))
    const taken = await limit.take('k')
    assert.ok(!taken.ok && taken.after <= 1_000)
  })

  test(
    `${kind}: while it is down or frozen, calls are made or refused as was said, and soon; then it counts again`,
    { skip },
    async (t) => {
      const server = await serverFor(t, kind)
      const limit = redisRateLimit({ url: server.url, name: 'a', rate: 1, per: 3_600_000, timeout: 200, pause: 50 })
      t.after(() => limit.close())
      const allowing = rateLimit({ limit })
      const refusing = rateLimit({ limit, unreachable: 'refuse', name: 'letters' })
      const work = async (): Promise<string> => 'made'
      const how = (guard: typeof allowing, key: string): Promise<unknown> =>
        guard.run(work, { key }).catch((error: { code: string }) => [error.code, refusedBy(error)])
      // A slow machine may keep an answer for longer than it is waited for.
      await until(async () => (await how(refusing, 'k')) === 'made')
      await until(async () => String(await how(refusing, 'k')) === 'RESOURCE_EXHAUSTED,rateLimit')
      server.freeze()
      await until(async () => String(await how(refusing, 'k')) === 'UNAVAILABLE,rateLimit')
      assert.equal(await how(allowing, 'k'), 'made')
      server.thaw()
      await until(async () => String(await how(allowing, 'k')) === 'RESOURCE_EXHAUSTED,rateLimit')
      await server.crash()
      await until(async () => String(await how(refusing, 'k')) === 'UNAVAILABLE,rateLimit')
      assert.equal(await how(allowing, 'k'), 'made')
      await server.start()
      await until(async () => String(await how(allowing, 'k')) === 'RESOURCE_EXHAUSTED,rateLimit')
    },
  )
}

test('a limit that cannot be is refused when it is made, and one that was closed when it is asked', async () => {
  const url = 'redis://127.0.0.1:1'
  assert.throws(() => redisRateLimit({ url, name: 'a', rate: 0 }), { name: 'TypeError', message: /"rate" is 0/ })
  assert.throws(() => redisRateLimit({ url, name: 'a b', rate: 1 }), { name: 'TypeError', message: /its name is "a b"/ })
  assert.throws(() => redisRateLimit({ url, name: 'a', rate: 1, timeout: -1 }), { name: 'TypeError', message: /"timeout" is -1/ })
  const limit = redisRateLimit({ url, name: 'a', rate: 1 })
  limit.close()
  await assert.rejects(limit.take('k'), /it was closed/)
})
