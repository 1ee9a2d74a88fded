/** @kafkats/flow in its own test driver: `node kafkats.js PROBE COUNT`. It imports vitest, which therefore is installed beside it. */
import { codec, SessionWindows } from '@kafkats/flow'
import { TestDriver } from '@kafkats/flow/testing'
import { documents, told } from './documents.ts'

const [, , probe, count] = process.argv
const driver = new TestDriver()
const as = { key: codec.string(), value: codec.json() }
const input = driver.input('in', as)
const probes = {
  filter_map: () =>
    input
      .filter((_, { n }) => n % 2 === 0)
      .mapValues(({ id, n }) => ({ id, doubled: n * 2 }))
      .to('out', as),
  count: () => input.groupByKey(as).count().toStream().to('out', as),
  session: () =>
    input
      .groupByKey(as)
      .windowedBy(SessionWindows.withInactivityGap('10s'))
      .count()
      .toStream()
      .peek(() => {}),
}
probes[probe]()
await driver.start()
const [consumer] = driver.consumers
const records = documents(Number(count)).map(({ key, value, time }) => ({
  value,
  options: { key: Buffer.from(key), timestamp: BigInt(time) },
}))
await told(records.length, async () => {
  for (const { value, options } of records) await consumer.sendMessage('in', value, options)
})
process.exit(0)
