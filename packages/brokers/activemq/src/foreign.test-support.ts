import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { missingServer } from '@dure/testing/servers'
import { command, contract, event, request } from 'dure/contract'
import { database } from 'dure/data'
import { queue } from 'dure/messaging'
import { realRuntime } from 'dure/runtime'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { activeMqBroker } from './activemq.ts'
import { messageOf, startServer, until, type Kind } from './suite.test-support.ts'

/**
 * `node foreign.test-support.ts LIBRARIES PYTHON`: what programs with JMS and with Qpid Proton see of a system, and do in it, on
 * Classic and on Artemis; a line for each check.
 */
const [, , libraries = '', python = 'python3'] = process.argv
const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n)
const [JMS, PROTON] = ['JmsClient.java', 'foreign.py'].map((name) => fileURLToPath(new URL(name, import.meta.url))) as [
  string,
  string,
]
let well = true

const order = z.object({ order: z.string() })
const Placed = event('order.placed', { schema: order, key: (one) => one.order, partitions: 4 })
const Settled = event('payment.settled', { schema: order, key: (one) => one.order, partitions: 2 })
const Refund = queue('refund', { schema: order })
const Print = queue('print', { schema: order })
const Reserve = request('reserve-stock', {
  ...{ key: ({ order: key }) => key, input: order.extend({ quantity: z.int() }), output: z.object({ left: z.int() }) },
})
const Orders = contract('orders', {
  ...{ version: '1.0.0', owner: 'tests', events: [Placed], operations: { place: command({ input: order }) } },
})
const Foreign = contract('foreign', { version: '1.0.0', owner: 'tests', events: [Settled], requests: [Reserve], operations: {} })

for (const kind of ['activemq', 'artemis'] as const) {
  if (missingServer(kind) === false) await judge(kind)
  else console.log(`✖ ${kind}: not run: ${missingServer(kind)}`)
}
process.exitCode = well ? 0 : 1

async function judge(kind: Kind): Promise<void> {
  const check = async (what: string, work: () => Promise<void>): Promise<void> => {
    const wrong = await work().then(
      () => undefined,
      (error: unknown) => String(error),
    )
    well &&= wrong === undefined
    console.log(`${wrong === undefined ? '✔' : '✖'} ${kind}: ${what}${wrong === undefined ? '' : `: ${wrong}`}`)
  }
  const server = await startServer(kind)
  const directory = mkdtempSync(join(tmpdir(), 'dure-activemq-foreign-'))
  const ask = async <T>(step: string): Promise<T> =>
    JSON.parse((await promisify(execFile)(python, [PROTON, server.url, kind, step])).stdout) as T
  const heard: string[] = []
  const write = (what: string): void => void heard.push(what)
  const orders = service(Orders, {
    database: database({ migrations: {} }),
    handlers: {
      place: (one, { database: own }) =>
        own.transaction(async (tx) => {
          await tx.publish(Placed, one)
          await tx.send(Print, one)
          if (one.order === 'ö-1') await tx.request(Reserve, { ...one, quantity: 3 }, { timeout: 120_000 })
        }),
    },
    subscriptions: ({ on, work, replies }) => [
      on(Settled, async ({ data, key }) => write(`settled ${data.order} ${key}`)),
      work(Refund, async ({ data }) => write(`refund ${data.order}`)),
      replies(Reserve, async (reply) => write(`reserved ${reply.key} ${reply.ok ? reply.value.left : 'not'}`)),
    ],
  })
  const broker = activeMqBroker({ url: server.url, prefix: 'shop' })
  // The part of the other service is played by the programs.
  const services = [orders, service(Foreign, { handlers: {} })]
  const running = await start(system('shop', { services, telemetry: false, broker }), { directory, log: silentLogger() })
  const own = await broker({ runtime: realRuntime(), log: silentLogger() })
  await own.declareTopic('order.placed', { partitions: 4 })
  for (const group of ['python', 'reports']) await own.declareGroup({ group, topics: ['order.placed'] })

  await check('a JMS client reads our events and takes our work: attributes as properties, data as text', async () => {
    const settings = ['-Dfile.encoding=UTF-8', '-Dstdout.encoding=UTF-8', '-cp', join(libraries, '*')]
    const client = spawn('java', [...settings, JMS, server.url, kind, '4', '4'], { stdio: ['ignore', 'pipe', 'pipe'] })
    let [said, complaints] = ['', '']
    client.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
    client.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text))
    const ended = once(client, 'close')
    await Promise.race([until(() => said.includes('ready')), ended])
    for (const n of range(4)) await running.client(Orders).place({ order: `ö-${n}` })
    assert.deepEqual(await ended, [0, null], said + complaints)
    assert.deepEqual(said.trim().split('\n').toSorted(), [
      ...range(4).map((n) => `event orders ö-${n} {"order":"ö-${n}"}`),
      'ready',
      ...range(4).map((n) => `work print {"order":"ö-${n}"}`),
    ])
  })
  await check('and sends us an event and work as plain JSON, which have their effects', () =>
    until(() => heard.includes('settled ö-1 ö-1') && heard.includes('refund ö-2')),
  )
  await check('Qpid Proton reads our events from the queues of a group', async () => {
    type Found = { type: string; source: string; partitionkey: string; specversion: string; data: { order: string } }
    const found = await ask<readonly Found[]>('read')
    const shown = found.map(({ type, source, specversion, partitionkey, data }) =>
      [type, source, specversion, partitionkey, data.order].join(' '),
    )
    assert.deepEqual(
      shown.toSorted(),
      range(4).map((n) => `order.placed orders 1.0 ö-${n} ö-${n}`),
    )
  })
  await check('Qpid Proton sends us an event and work, which have their effects', async () => {
    await ask('send')
    await until(() => heard.includes('settled ö-3 ö-3') && heard.includes('refund ö-3'))
  })
  await check('Qpid Proton answers a request as a worker, where the request says', async () => {
    assert.equal(await ask('answer'), 'reserve-stock.reply.orders')
    await until(() => heard.includes('reserved ö-1 7'))
  })
  await check('the server tells who asks for a queue the same lag that we tell', async () => {
    await own.publish(range(20).map((n) => messageOf('order.placed', `k${n}`, n)))
    const told = (await own.lag()).filter(({ group }) => group === 'reports')
    assert.equal(
      told.reduce((sum, { lag }) => sum + lag, 0),
      24,
    )
    const places = told.map(({ group, partition, lag }) => [`${group}/${partition}`, lag] as const)
    assert.deepEqual(await ask('lag'), Object.fromEntries(places.toSorted()))
  })
  await own.stop()
  await running.stop()
  await server.close()
  rmSync(directory, { recursive: true, force: true })
}
