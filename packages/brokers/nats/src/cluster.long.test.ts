import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { missingServer, serverPlaces } from '@dure/testing/servers'
import type { Delivery } from 'dure/messaging'
import { startCluster } from './cluster.test-support.ts'
import { firsts, freshPrefix, message, numberOf, openBroker, publishAtLast, range, until } from './world.test-support.ts'

const skip = missingServer('nats') || (!existsSync(join(serverPlaces().nats.folder, 'nats-server')) && 'needs server: nats')

test(
  'three servers, each killed in turn under load: nothing that they took is lost, and each key has its order',
  { skip, timeout: 120_000 },
  async (t) => {
    const cluster = await startCluster()
    t.after(() => cluster.close())
    const prefix = freshPrefix()
    // They choose who leads first.
    let opened: Awaited<ReturnType<typeof openBroker>> | undefined
    await until(async () => {
      opened = await openBroker({ servers: cluster.urls, prefix, replicas: 3, timeout: 5_000 }).catch(() => undefined)
      return opened !== undefined
    })
    const broker = opened!
    t.after(() => broker.stop({ timeout: 2_000 }))
    await broker.declareTopic('orders', { partitions: 4 })
    const came: Delivery[] = []
    const late: number[] = []
    await broker.subscribe({
      group: 'g',
      topics: ['orders'],
      onError: () => {},
      deliver: async (batch) => void came.push(...batch),
    })
    let published = 0
    const publishing = Promise.all(
      range(6).map(async (key) => {
        for (let n = 0; n < 90; n += 3) {
          await publishAtLast(
            broker,
            [0, 1, 2].map((step) => message('orders', `k${key}`, n + step)),
          )
          published += 3
        }
      }),
    )
    for (const [n, server] of cluster.servers.entries()) {
      await until(() => published > 60 * (n + 1))
      await server.crash()
      await until(() => published > 60 * (n + 1) + 30)
      await server.start()
    }
    await publishing
    await until(() => range(6).every((key) => firsts(came, `k${key}`).length === 90))
    for (const key of range(6)) assert.deepEqual(firsts(came, `k${key}`), range(90))
    // Who asks for the end gets nothing that was there before, whichever server is asked.
    await broker.subscribe({
      ...{ group: 'late', topics: ['orders'], from: 'end', onError: () => {} },
      deliver: async (batch) => void late.push(...batch.map((one) => numberOf(one.message))),
    })
    await publishAtLast(broker, [message('orders', 'k0', 1_000)])
    await until(() => late.length > 0)
    assert.deepEqual([...new Set(late)], [1_000])
  },
)
