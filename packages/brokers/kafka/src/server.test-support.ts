import { createServer, type AddressInfo } from 'node:net'
import { startLocalServer, type LocalServer, type LocalServerOptions } from '@dure/testing/servers'
import type { Broker } from 'dure/messaging'
import { range } from 'dure/messaging/conformance'
import { realRuntime } from 'dure/runtime'
import { silentLogger, type Logger } from 'dure/telemetry'
import { kafkaBroker, type KafkaOptions } from './kafka.ts'
export { firsts, numbered as messageOf, numberOf, publishAtLast, range, until, caughtUp } from 'dure/messaging/conformance'

export const runtime = realRuntime()

/** A broker that lets members have short sessions. */
export const QUICK_GROUPS = { 'group.min.session.timeout.ms': 500 } as const

/** Members that hear of others soon, and are soon missed. */
export const QUICK_MEMBERS = { session: 2_000, heartbeat: 50, wait: 50, partitions: 4 } as const satisfies KafkaOptions

export const openBroker = (options: KafkaOptions, log: Logger = silentLogger()): Promise<Broker> =>
  kafkaBroker({ ...QUICK_MEMBERS, prefix: `${runtime.ids.next()}.`, ...options })({ runtime, log })

/** Ports that nobody listens on now: a broker is told of its own, and of those of others, before it starts. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = range(count).map(() => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** Brokers that are controllers as well, each told of the others: the only kind before 3.9, and how a cluster is made. */
export async function startVoters(
  count: number,
  { settings = {}, ...options }: Pick<LocalServerOptions, 'programs' | 'settings'> = {},
): Promise<readonly LocalServer[]> {
  const ports = await freePorts(count * 2)
  const controllers = range(count).map((n) => `127.0.0.1:${ports[n * 2 + 1]}`)
  const servers = range(count).map((n) =>
    startLocalServer('kafka', {
      ...{ ...options, ports: ports.slice(n * 2, n * 2 + 2) },
      settings: {
        ...{ ...QUICK_GROUPS, 'node.id': n + 1 },
        'controller.quorum.bootstrap.servers': controllers.join(),
        'controller.quorum.voters': controllers.map((one, at) => `${at + 1}@${one}`).join(),
        ...settings,
      },
    }),
  )
  return Promise.all(servers)
}
