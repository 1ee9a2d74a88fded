import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { serverPlaces, startLocalServer } from '@dure/testing/servers'
import { command, contract, event, request } from 'dure/contract'
import { database } from 'dure/data'
import { queue } from 'dure/messaging'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { redisBroker } from './redis.ts'
import { messageOf, runtime, until } from './redis.test-support.ts'

/** `node foreign.test-support.ts PYTHON`: what a program with redis-py sees of a system, and does in it; a line for each check. */
const [, , python = 'python3'] = process.argv
const server = await startLocalServer('redis')
const prefix = 'shop'
const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n)
const directory = mkdtempSync(join(tmpdir(), 'dure-redis-foreign-'))
const program = fileURLToPath(new URL('foreign.py', import.meta.url))
const ask = async <T>(step: string): Promise<T> =>
  JSON.parse((await promisify(execFile)(python, [program, server.url, prefix, step])).stdout) as T
const CLI = '/usr/bin/redis-cli'
let well = true
const check = async (what: string, work: () => Promise<void>): Promise<void> => {
  const wrong = await work().then(
    () => undefined,
    (error: unknown) => String(error),
  )
  well &&= wrong === undefined
  console.log(`${wrong === undefined ? '✔' : '✖'} ${what}${wrong === undefined ? '' : `: ${wrong}`}`)
}

const order = z.object({ order: z.string() })
const Placed = event('order.placed', { schema: order, key: (one) => one.order, partitions: 4 })
const Settled = event('payment.settled', { schema: order, key: (one) => one.order, partitions: 2 })
const Refund = queue('refund', { schema: order })
const Reserve = request('reserve-stock', {
  ...{ key: ({ order: key }) => key, input: order.extend({ quantity: z.int() }), output: z.object({ left: z.int() }) },
})
const heard: string[] = []
const write = (what: string): void => void heard.push(what)
const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'tests',
  events: [Placed],
  operations: { place: command({ input: order }) },
})
const Foreign = contract('foreign', { version: '1.0.0', owner: 'tests', events: [Settled], requests: [Reserve], operations: {} })
const orders = service(Orders, {
  database: database({ migrations: {} }),
  handlers: {
    place: ({ order: key }, { database: own }) =>
      own.transaction(async (tx) => {
        await tx.publish(Placed, { order: key })
        if (key === 'ö-1') await tx.request(Reserve, { order: key, quantity: 3 }, { timeout: 60_000 })
      }),
  },
  subscriptions: ({ on, work, replies }) => [
    on(Settled, async ({ data, key }) => write(`settled ${data.order} ${key}`)),
    work(Refund, async ({ data }) => write(`refund ${data.order}`)),
    replies(Reserve, async (reply) => write(`reserved ${reply.key} ${reply.ok ? reply.value.left : 'not'}`)),
  ],
})
// Its part is played by the program.
const foreign = service(Foreign, { handlers: {} })
const broker = redisBroker({ url: server.url, prefix })
const running = await start(system('shop', { services: [orders, foreign], telemetry: false, broker }), {
  directory,
  log: silentLogger(),
})
const own = await broker({ runtime, log: silentLogger() })

await check('redis-py reads our events, each attribute a field and its data JSON', async () => {
  for (const n of range(4)) await running.client(Orders).place({ order: `ö-${n}` })
  const found =
    await ask<readonly { type: string; source: string; partitionkey: string; specversion: string; data: { order: string } }[]>(
      'read',
    )
  assert.deepEqual(
    found
      .map(({ type, source, specversion, partitionkey, data }) => [type, source, specversion, partitionkey, data.order])
      .toSorted(),
    range(4).map((n) => ['order.placed', 'orders', '1.0', `ö-${n}`, `ö-${n}`]),
  )
})
await check('redis-py sends us an event and work, which have their effects', async () => {
  await ask('send')
  await until(() => heard.includes('settled ö-1 ö-1') && heard.includes('refund ö-1'))
})
await check('redis-py answers a request as a worker, where the request says', async () => {
  assert.equal(await ask('answer'), 'reserve-stock.reply.orders')
  await until(() => heard.includes('reserved ö-1 7'))
})
await check('redis-py reads by XINFO GROUPS the same lag that we tell', async () => {
  await own.declareGroup({ group: 'reports', topics: ['order.placed'] })
  await own.publish(range(20).map((n) => messageOf('order.placed', `k${n}`, n)))
  const told = (await own.lag()).filter(({ topic }) => topic === 'order.placed')
  assert.ok(told.reduce((sum, { lag }) => sum + lag, 0) >= 24)
  const places = told.map(({ group, partition, lag }) => [`${group}/${partition}`, lag] as const)
  assert.deepEqual(await ask('lag'), Object.fromEntries(places.toSorted()))
})
await check('redis-cli reads our events, and the same lag', async () => {
  const cli = async (...words: readonly string[]): Promise<string> => {
    const inside = [CLI, '-p', String(server.port), ...words]
    const root = process.getuid?.() === 0 ? [] : ['--map-root-user']
    return (await promisify(execFile)('unshare', ['--mount', ...root, 'chroot', serverPlaces().redis!.folder, ...inside])).stdout
  }
  const streams = range(4).map((n) => `${prefix}:topic:{order.placed}:${n}`)
  const entries = await Promise.all(streams.map((stream) => cli('XRANGE', stream, '-', '+')))
  for (const n of range(4))
    assert.ok(
      entries.some((text) => text.includes(`ce_partitionkey\nö-${n}\n`)),
      entries.join(),
    )
  const groups = await Promise.all(streams.map((stream) => cli('XINFO', 'GROUPS', stream)))
  const sum = groups
    .join('\n')
    .matchAll(/^lag\n(\d+)$/gm)
    .reduce((all, [, lag]) => all + Number(lag), 0)
  const told = (await own.lag()).filter(({ topic }) => topic === 'order.placed')
  assert.equal(
    sum,
    told.reduce((all, { lag }) => all + lag, 0),
  )
})
await own.stop()
await running.stop()
await server.close()
rmSync(directory, { recursive: true, force: true })
process.exitCode = well ? 0 : 1
