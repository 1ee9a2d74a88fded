import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { serverPlaces, startLocalServer } from '@dure/testing/servers'
import { command, contract, event } from 'dure/contract'
import { database } from 'dure/data'
import { queue } from 'dure/messaging'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { kafkaBroker } from './kafka.ts'
import { messageOf, openBroker, QUICK_GROUPS, QUICK_MEMBERS, range, until } from './server.test-support.ts'

/** `node foreign.test-support.ts LIBRARIES`: what Kafka's own programs, and Spring Kafka, see of a system and do in it; a line for each check. */
const [, , libraries = ''] = process.argv
const server = await startLocalServer('kafka', { settings: QUICK_GROUPS })
const address = `127.0.0.1:${server.port}`
const directory = mkdtempSync(join(tmpdir(), 'dure-kafka-foreign-'))
const java = async (from: string, ...words: readonly string[]): Promise<string> => {
  const settings = ['-Dfile.encoding=UTF-8', '-Dstdout.encoding=UTF-8', '-cp', join(from, '*')]
  return (await promisify(execFile)('java', [...settings, ...words])).stdout
}
const kafka = serverPlaces().kafka.folder
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
const Print = queue('print', { schema: order })
const heard: string[] = []
const operations = { place: command({ input: order }) }
const Orders = contract('orders', { version: '1.0.0', owner: 'tests', events: [Placed], operations })
const Bank = contract('bank', { version: '1.0.0', owner: 'tests', events: [Settled], operations: {} })
const orders = service(Orders, {
  database: database({ migrations: {} }),
  handlers: {
    place: async (one, { database: own }) => {
      await own.transaction(async (tx) => {
        await tx.publish(Placed, one)
        await tx.send(Print, one)
      })
    },
  },
  subscriptions: ({ on, work }) => [
    on(Settled, async ({ data, key }) => void heard.push(`settled ${data.order} ${key}`)),
    work(Refund, async ({ data }) => void heard.push(`refund ${data.order}`)),
  ],
})
const broker = kafkaBroker({ ...QUICK_MEMBERS, url: server.url })
// The part of the bank is played by the program.
const services = [orders, service(Bank, { handlers: {} })]
const running = await start(system('shop', { services, telemetry: false, broker }), { directory, log: silentLogger() })
const own = await openBroker({ url: server.url, prefix: '' })

await check('ConsoleConsumer reads our events: key, attributes as headers, data as JSON', async () => {
  for (const n of range(4)) await running.client(Orders).place({ order: `ö-${n}` })
  const shown = ['print.headers=true', 'print.key=true', 'headers.separator=;'].flatMap((one) => ['--formatter-property', one])
  const text = await java(
    kafka,
    ...['org.apache.kafka.tools.consumer.ConsoleConsumer', '--bootstrap-server', address, '--topic', 'order.placed'],
    ...['--from-beginning', '--max-messages', '4', '--timeout-ms', '30000', ...shown],
  )
  const lines = text
    .trim()
    .split('\n')
    .toSorted((a, b) => a.slice(-12).localeCompare(b.slice(-12)))
  assert.equal(lines.length, 4, text)
  for (const [n, line] of lines.entries()) {
    const [headers = '', key, data] = line.split('\t')
    assert.deepEqual([key, JSON.parse(data!)], [`ö-${n}`, { order: `ö-${n}` }])
    for (const one of ['ce_specversion:1.0', 'ce_type:order.placed', 'ce_source:orders', 'content-type:application/json'])
      assert.ok(headers.split(';').includes(one), headers)
  }
})
await check('listeners of Spring Kafka take the work and the events that we sent', async () => {
  const program = fileURLToPath(new URL('SpringListener.java', import.meta.url))
  const lines = (await java(libraries, program, address, '8')).trim().split('\n').toSorted()
  assert.deepEqual(lines, [
    ...range(4).map((n) => `event orders ö-${n} {"order":"ö-${n}"}`),
    ...range(4).map((n) => `work print {"order":"ö-${n}"}`),
  ])
})
await check('and send us an event and work as plain JSON, which have their effects', () =>
  until(() => heard.includes('settled ö-1 ö-1') && heard.includes('refund ö-2')),
)
await check('ConsumerGroupCommand --describe tells the same lag that we tell', async () => {
  await own.declareGroup({ group: 'reports', topics: ['order.placed'] })
  await own.publish(range(20).map((n) => messageOf('order.placed', `k${n}`, n)))
  await until(async () =>
    (await own.lag()).every(({ group, topic, lag }) => group === 'reports' || topic === 'print' || lag === 0),
  )
  const told = (await own.lag())
    .filter(({ group }) => group !== 'queue')
    .map(({ group, topic, partition, lag }) => [group, topic, partition, lag].join(' '))
  assert.ok(told.length >= 6, told.join())
  const text = await java(
    kafka,
    'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
    '--bootstrap-server',
    address,
    '--describe',
    '--all-groups',
  )
  const rows = text.split('\n').map((line) => line.trim().split(/\s+/))
  const theirs = rows.flatMap(([group, topic, partition, _offset, _end, lag]) =>
    told.some((one) => one.startsWith(`${group} ${topic} `)) ? [[group, topic, partition, lag].join(' ')] : [],
  )
  assert.deepEqual(theirs.toSorted(), told.toSorted(), text)
})
await own.stop()
await running.stop()
await server.close()
rmSync(directory, { recursive: true, force: true })
process.exitCode = well ? 0 : 1
