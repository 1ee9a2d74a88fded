import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { check, playPython, withShop } from '@dure/testing/foreign'
import { serverPlaces, startLocalServer } from '@dure/testing/servers'
import { redisBroker } from './redis.ts'

/** `node foreign.test-support.ts PYTHON`: what a program with redis-py sees of a system, and does in it; a line for each check. */
const [, , python = 'python3'] = process.argv
const server = await startLocalServer('redis')
const prefix = 'shop'
const program = fileURLToPath(new URL('foreign.py', import.meta.url))
const CLI = '/usr/bin/redis-cli'

await withShop(redisBroker({ url: server.url, prefix }), async (shop) => {
  await playPython('redis-py', shop, [python, program, server.url, prefix])
  await check('redis-cli reads our events, and the same lag', async () => {
    const cli = async (...words: readonly string[]): Promise<string> => {
      const inside = [CLI, '-p', String(server.port), ...words]
      const root = process.getuid?.() === 0 ? [] : ['--map-root-user']
      return (await promisify(execFile)('unshare', ['--mount', ...root, 'chroot', serverPlaces().redis!.folder, ...inside]))
        .stdout
    }
    const streams = [0, 1, 2, 3].map((n) => `${prefix}:topic:{order.placed}:${n}`)
    const entries = await Promise.all(streams.map((stream) => cli('XRANGE', stream, '-', '+')))
    for (const n of [0, 1, 2, 3])
      assert.ok(
        entries.some((text) => text.includes(`ce_partitionkey\nö-${n}\n`)),
        entries.join(),
      )
    const groups = await Promise.all(streams.map((stream) => cli('XINFO', 'GROUPS', stream)))
    const sum = groups
      .join('\n')
      .matchAll(/^lag\n(\d+)$/gm)
      .reduce((all, [, lag]) => all + Number(lag), 0)
    const told = (await shop.own.lag()).filter(({ topic }) => topic === 'order.placed')
    assert.equal(
      sum,
      told.reduce((all, { lag }) => all + lag, 0),
    )
  })
})
await server.close()
