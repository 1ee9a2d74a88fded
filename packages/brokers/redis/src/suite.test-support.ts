import { after, test } from 'node:test'
import type { Message } from 'dure/contract'
import { brokerConformance, processConformance } from 'dure/messaging/conformance'
import { requestConformance } from 'dure/service/conformance'
import { streamConformance } from 'dure/stream/conformance'
import { REDIS, redisBroker } from './redis.ts'
import { missingServer, startLocalServer, startProxy } from '@dure/testing/servers'

/** Servers that understand these commands. */
export type Kind = 'redis' | 'valkey'

const IDS = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g

/** The cases of every broker, on a server of this kind; what is to be lost is lost with the connection it goes over. */
export async function conformanceOn(kind: Kind): Promise<void> {
  const missing = missingServer(kind)
  if (missing !== false) return void test(`${kind}: the cases of every broker`, { skip: missing }, () => {})
  const server = await startLocalServer(kind)
  after(() => server.close())
  let cuts = 0
  brokerConformance(
    kind,
    async ({ directory, runtime, log, loses }) => {
      const proxy = await startProxy({ to: server.port })
      proxy.fate = (bytes) => {
        const lost = [...bytes.toString('latin1').matchAll(IDS)].filter(([id]) => loses({ id } as Message)).length > 0
        if (!lost) return 'passes'
        // Half of the time it arrives, and nobody is told.
        return ++cuts % 2 === 0 ? 'cut before' : 'cut after'
      }
      const open = redisBroker({ url: `redis://127.0.0.1:${proxy.port}`, prefix: directory.slice(-6) })
      const broker = await open({ runtime, log })
      const stop: typeof broker.stop = async (how) => {
        await broker.stop(how)
        await proxy.close()
      }
      let stopping: Promise<void> | undefined
      return { ...broker, stop: (how) => (stopping ??= stop(how)) }
    },
    REDIS,
  )
}

/** The cases of requests over queues, and of streams. */
export async function requestsOn(kind: Kind): Promise<void> {
  const missing = missingServer(kind)
  if (missing !== false) return void test(`${kind}: the cases of requests`, { skip: missing }, () => {})
  const server = await startLocalServer(kind)
  after(() => server.close())
  requestConformance(kind, redisBroker({ url: server.url }))
  // Ten seconds in which partitions are idle.
  if (process.env['DURE_TEST_LONG'] === '1') streamConformance(kind, redisBroker({ url: server.url, prefix: 'streams' }))
}

/** The cases of several processes with an adapter each. */
export async function processesOn(kind: Kind): Promise<void> {
  const missing = missingServer(kind)
  if (missing !== false) return void test(`${kind}: the cases of several processes`, { skip: missing }, () => {})
  const server = await startLocalServer(kind)
  after(() => server.close())
  const again = async (): Promise<void> => {
    await server.crash()
    await server.start()
  }
  const module = new URL('connect.test-support.ts', import.meta.url)
  processConformance(kind, { module, server: async () => ({ address: server.url, crash: again, stop: async () => {} }) }, REDIS)
}
