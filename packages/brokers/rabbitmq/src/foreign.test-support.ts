import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { check, playPython, until, withShop } from '@dure/testing/foreign'
import { startLocalServer } from '@dure/testing/servers'
import { rabbitmqBroker } from './rabbitmq.ts'
import { at, rabbitmqctl } from './world.test-support.ts'

/** `node foreign.test-support.ts PYTHON`: what a program with pika sees of a system, and does in it; a line for each check. */
const [, , python = 'python3'] = process.argv
const server = await startLocalServer('rabbitmq')
const options = at(server)
const words = [fileURLToPath(new URL('foreign.py', import.meta.url)), server.url.replace('//', '//guest:guest@'), options.prefix!]
await withShop(rabbitmqBroker(options), async (shop) => {
  await playPython('pika', shop, [python, ...words], { tellsLag: false })
  await check('pika takes work that we sent, once', async () => {
    const { stdout } = await promisify(execFile)(python, [...words, 'take'])
    assert.deepEqual(JSON.parse(stdout), ['print', 'ö-0'])
  })
  await check('rabbitmqctl list_queues counts as much work as we tell', () =>
    until(async () => {
      const told = (await shop.own.lag()).filter(({ group }) => group === 'queue')
      const said = await rabbitmqctl(server, 'list_queues', '--silent', 'name', 'messages')
      const figures = new Map(said.split('\n').map((line) => line.split('\t') as [string, string]))
      const names = told.map(({ topic, lag }) => [`${options.prefix}.queue.${topic}`, String(lag)] as const)
      return names.length > 2 && names.every(([name, lag]) => figures.get(name) === lag) && told.some(({ lag }) => lag === 3)
    }),
  )
})
await server.close()
