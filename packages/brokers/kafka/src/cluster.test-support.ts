import assert from 'node:assert/strict'
import type { Delivery } from 'dure/messaging'
import { check } from '@dure/testing/foreign'
import { caughtUp, firsts, messageOf, openBroker, publishAtLast, range, startVoters, until } from './server.test-support.ts'

/** Three brokers that keep each message together, each killed in turn under load: `npm run peers -- kafka-cluster`. */
const KEYS = 12
const copies = { 'offsets.topic.replication.factor': 3, 'offsets.topic.num.partitions': 3 }
const servers = await startVoters(3, { settings: { ...copies, 'min.insync.replicas': 2, 'default.replication.factor': 3 } })
const brokers = servers.map(({ port }) => `127.0.0.1:${port}`)
const publisher = await openBroker({ brokers, prefix: 'cluster.', publishTries: 4 })
const reader = await openBroker({ brokers, prefix: 'cluster.' })
try {
  await check('three brokers, each killed in turn under load: nothing is lost, and each key has its order', async () => {
    await publisher.declareTopic('orders', { partitions: 6 })
    const came: Delivery[] = []
    await reader.subscribe({
      ...{ group: 'g', topics: ['orders'], onError: () => {} },
      deliver: async (batch) => void came.push(...batch),
    })
    const published = range(KEYS).map(() => 0)
    let enough = false
    const publishing = Promise.all(
      range(KEYS).map(async (key) => {
        for (let n = 0; !enough; n += 3) {
          await publishAtLast(
            publisher,
            [0, 1, 2].map((step) => messageOf('orders', `k${key}`, n + step)),
          )
          published[key] = n + 3
        }
      }),
    )
    // Every key has to go on without the broker: those whose partition it led as well.
    const slowest = (): number => Math.min(...published)
    for (const server of servers) {
      const before = slowest()
      await until(() => slowest() >= before + 30)
      await server.crash()
      const without = Math.max(...published)
      await until(() => slowest() > without)
      await server.start()
    }
    enough = true
    await publishing
    await until(() => range(KEYS).every((key) => firsts(came, `k${key}`).length === published[key]))
    for (const key of range(KEYS)) assert.deepEqual(firsts(came, `k${key}`), range(published[key]!))
    await caughtUp(reader)
    const sum = published.reduce((all, count) => all + count, 0)
    console.log(`  ${sum} published and read in order, ${came.length - sum} of them twice; lost 0`)
  })
} finally {
  await publisher.stop({ timeout: 2_000 })
  await reader.stop({ timeout: 2_000 })
  await Promise.all(servers.map((server) => server.close()))
}
