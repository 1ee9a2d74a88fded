import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { check, fallBehind, until, withShop } from '@dure/testing/foreign'
import { serverPlaces, startLocalServer } from '@dure/testing/servers'
import { kafkaBroker } from './kafka.ts'
import { QUICK_GROUPS, QUICK_MEMBERS, range } from './server.test-support.ts'

/** `node foreign.test-support.ts LIBRARIES`: what Kafka's own programs, and Spring Kafka, see of a system and do in it; a line for each check. */
const [, , libraries = ''] = process.argv
const server = await startLocalServer('kafka', { settings: QUICK_GROUPS })
const address = `127.0.0.1:${server.port}`
const java = async (from: string, ...words: readonly string[]): Promise<string> => {
  const settings = ['-Dfile.encoding=UTF-8', '-Dstdout.encoding=UTF-8', '-cp', join(from, '*')]
  return (await promisify(execFile)('java', [...settings, ...words])).stdout
}
const kafka = serverPlaces().kafka.folder

await withShop(kafkaBroker({ ...QUICK_MEMBERS, url: server.url }), async ({ place, heard, own }) => {
  await check('ConsoleConsumer reads our events: key, attributes as headers, data as JSON', async () => {
    await place(4)
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
  await check(
    'what we find of a topic stands there for ConsoleConsumer: partition, offset, time, key, correlation, data',
    async () => {
      const found = await own.find({ by: { text: '"order":' }, topics: ['order.placed'] })
      const ours = found.messages.map((one) => {
        const { key, time, correlationId, data } = one.message
        return one.on === 'topic' ? [one.partition, one.position, time, key, correlationId, data].join(' ') : ''
      })
      const shown = ['partition', 'offset', 'headers', 'key'].map((one) => `print.${one}=true`)
      const text = await java(
        kafka,
        ...['org.apache.kafka.tools.consumer.ConsoleConsumer', '--bootstrap-server', address, '--topic', 'order.placed'],
        ...['--from-beginning', '--max-messages', '4', '--timeout-ms', '30000'],
        ...[...shown, 'headers.separator=;'].flatMap((one) => ['--formatter-property', one]),
      )
      const theirs = text
        .trim()
        .split('\n')
        .map((line) => {
          const [partition = '', offset = '', headers = '', key, data] = line.split('\t')
          const [correlation, time] = ['correlationid', 'time'].map((one) => new RegExp(`ce_${one}:([^;]*)`).exec(headers)![1]!)
          const place = [partition, offset].map((one) => one.replace(/^\w+:/, ''))
          return [...place, Date.parse(time!), key, correlation, data].join(' ')
        })
      assert.deepEqual([ours.toSorted(), found.cutOff, found.unseen], [theirs.toSorted(), undefined, []], text)
      const [one] = found.messages
      const alone = await own.find({ by: { id: one!.message.id }, topics: ['order.placed'], since: one!.message.time })
      assert.deepEqual(alone.messages, [one])
    },
  )
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
    await fallBehind(own)
    await until(async () => (await own.lag()).every(({ group, lag }) => group === 'reports' || group === 'queue' || lag === 0))
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
})
await server.close()
