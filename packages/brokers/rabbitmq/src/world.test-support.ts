import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import type { Broker } from 'dure/messaging'
import { realRuntime } from 'dure/runtime'
import { silentLogger, type Logger } from 'dure/telemetry'
import { serverPlaces, type LocalServer } from '@dure/testing/servers'
import { rabbitmqBroker, type RabbitmqOptions } from './rabbitmq.ts'
export { firsts, numbered as message, numberOf, publishAtLast, range, until, caughtUp } from 'dure/messaging/conformance'

export const runtime = realRuntime()

/** A prefix that no other test uses. */
export const freshPrefix = (): string => `t${randomBytes(6).toString('hex')}`

/** Short times, so that what waits for a lease does not wait long; and few streams, each of which is files and a process. */
export const SHORT: RabbitmqOptions = { timeout: 5_000, lease: 2_000, partitions: 4 }

export const at = (server: LocalServer): RabbitmqOptions => ({
  ...SHORT,
  ...{ url: server.url, streamPort: server.ports['stream']!, prefix: freshPrefix() },
})

export const openBroker = (options: RabbitmqOptions, log: Logger = silentLogger()): Promise<Broker> =>
  rabbitmqBroker(options)({ runtime, log })

/** What the server's own tool says, which runs where the server does. */
export async function rabbitmqctl(server: LocalServer, ...words: readonly string[]): Promise<string> {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--preserve-credentials']
  const env = ['env', 'HOME=/mnt', 'LANG=C.UTF-8', `ERL_EPMD_PORT=${server.ports['epmd']}`]
  const tool = ['/usr/lib/rabbitmq/bin/rabbitmqctl', '--node', 'local@localhost', ...words]
  const there = [...user, '--mount', '--target', String(server.pid), 'chroot', serverPlaces().rabbitmq.folder]
  return (await promisify(execFile)('nsenter', [...there, ...env, ...tool], { timeout: 60_000 })).stdout
}
