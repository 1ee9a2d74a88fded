import { after } from 'node:test'
import type { Message } from 'dure/contract'
import { brokerConformance } from 'dure/messaging/conformance'
import { startProxy } from './proxy.test-support.ts'
import { REDIS, redisBroker } from './redis.ts'
import { startLocalServer } from './servers.test-support.ts'

const IDS = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g

/** The cases of every broker, on a server of this kind; what is to be lost is lost with the connection it goes over. */
export async function conformanceOn(kind: 'redis' | 'valkey'): Promise<void> {
  const server = await startLocalServer(kind)
  after(() => server.close())
  let cuts = 0
  brokerConformance(
    kind,
    async ({ directory, runtime, log, loses }) => {
      const proxy = await startProxy(server.port, (bytes) => {
        const lost = [...bytes.matchAll(IDS)].filter(([id]) => loses({ id } as Message)).length > 0
        // Half of the time it arrives, and nobody is told.
        if (!lost) return 'pass'
        return ++cuts % 2 === 0 ? 'lost' : 'answer lost'
      })
      const open = redisBroker({ url: `redis://127.0.0.1:${proxy.port}`, prefix: directory.slice(-6) })
      const broker = await open({ runtime, log })
      let stopping: Promise<void> | undefined
      const stop: typeof broker.stop = async (how) => {
        await broker.stop(how)
        await proxy.stop()
      }
      return { ...broker, stop: (how) => (stopping ??= stop(how)) }
    },
    REDIS,
  )
}
