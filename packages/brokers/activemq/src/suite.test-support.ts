import { after, test } from 'node:test'
import type { Message } from 'dure/contract'
import { brokerConformance, processConformance } from 'dure/messaging/conformance'
import { requestConformance } from 'dure/service/conformance'
import { streamConformance } from 'dure/stream/conformance'
import { missingServer, startLocalServer, type LocalServer } from '@dure/testing/servers'
import { ACTIVEMQ, activeMqBroker } from './activemq.ts'
import { startProxy } from './proxy.test-support.ts'

export { caughtUp, numbered as messageOf, until } from 'dure/messaging/conformance'

/** Servers that speak AMQP 1.0 each in its own way. */
export type Kind = 'activemq' | 'artemis'

const IDS = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g

/** A server that misses a client after 5 seconds, as long as its clients' own leases are. */
export function startServer(kind: Kind, options: Parameters<typeof startLocalServer>[1] = {}): Promise<LocalServer> {
  const settings = { [kind === 'activemq' ? 'connector.wireFormat.idleTimeout' : 'connector.amqpIdleTimeout']: 5_000 }
  return startLocalServer(kind, { ...options, settings: { ...settings, ...options.settings } })
}

async function serverFor(kind: Kind, what: string): Promise<LocalServer | undefined> {
  const missing = missingServer(kind)
  if (missing !== false) return void test(`${kind}: ${what}`, { skip: missing }, () => {})
  const server = await startServer(kind)
  after(() => server.close())
  return server
}

/** The cases of every broker, on a server of this kind; what is to be lost is lost with the connection it goes over. */
export async function conformanceOn(kind: Kind): Promise<void> {
  const server = await serverFor(kind, 'the cases of every broker')
  if (server === undefined) return
  let cuts = 0
  brokerConformance(
    kind,
    async ({ directory, runtime, log, loses }) => {
      const proxy = await startProxy(server.port, (bytes) => {
        const lost = [...bytes.matchAll(IDS)].filter(([id]) => loses({ id } as Message)).length > 0
        if (!lost) return 'pass'
        // Half of the time it arrives, and nobody is told.
        return ++cuts % 2 === 0 ? 'lost' : 'answer lost'
      })
      const open = activeMqBroker({ url: `amqp://127.0.0.1:${proxy.port}`, prefix: directory.slice(-6) })
      const broker = await open({ runtime, log })
      const stop: typeof broker.stop = async (how) => {
        await broker.stop(how)
        await proxy.stop()
      }
      let stopping: Promise<void> | undefined
      return { ...broker, stop: (how) => (stopping ??= stop(how)) }
    },
    ACTIVEMQ,
  )
}

/** The cases of requests over queues, and of streams. */
export async function requestsOn(kind: Kind): Promise<void> {
  const server = await serverFor(kind, 'the cases of requests')
  if (server === undefined) return
  requestConformance(kind, activeMqBroker({ url: server.url }))
  // Ten seconds in which partitions are idle.
  if (process.env['DURE_TEST_LONG'] === '1') streamConformance(kind, activeMqBroker({ url: server.url, prefix: 'streams' }))
}

/** The cases of several processes with an adapter each. */
export async function processesOn(kind: Kind): Promise<void> {
  const server = await serverFor(kind, 'the cases of several processes')
  if (server === undefined) return
  const crash = async (): Promise<void> => {
    await server.crash()
    await server.start()
  }
  const module = new URL('connect.test-support.ts', import.meta.url)
  processConformance(kind, { module, server: async () => ({ address: server.url, crash, stop: async () => {} }) }, ACTIVEMQ)
}
