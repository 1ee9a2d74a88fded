import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { check, playPython, until, withShop } from '@dure/testing/foreign'
import { startLocalServer } from '@dure/testing/servers'
import { rabbitmqBroker } from './rabbitmq.ts'
import { at, rabbitmqctl } from './world.test-support.ts'

/** `node foreign.test-support.ts PYTHON LIBRARIES`: what programs with pika and Spring AMQP see of a system, and do in it; a line for each check. */
const [, , python = 'python3', libraries = ''] = process.argv
const server = await startLocalServer('rabbitmq')
const options = at(server)
const url = server.url.replace('//', '//guest:guest@')
const words = [fileURLToPath(new URL('foreign.py', import.meta.url)), url, options.prefix!]
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
  await check('a listener of Spring AMQP takes the work that waits into its own type, and again what it failed at', async () => {
    const settings = ['-Dfile.encoding=UTF-8', '-Dstdout.encoding=UTF-8', '-cp', join(libraries, '*')]
    const program = fileURLToPath(new URL('SpringListener.java', import.meta.url))
    const { stdout } = await promisify(execFile)('java', [...settings, program, url, options.prefix!, '3'])
    const lines = stdout.trim().split('\n').toSorted()
    assert.deepEqual(
      lines,
      [1, 2, 3].map((n) => `work print ö-${n}${n === 1 ? ' again' : ''}`),
    )
    await until(async () => (await shop.own.lag()).some(({ topic, lag }) => topic === 'print' && lag === 0))
  })
  await check('and sends us work as plain JSON and an event, which have their effects', () =>
    until(() => shop.heard.includes('refund ö-2') && shop.heard.includes('settled ö-3 ö-3')),
  )
})
await server.close()
