import { join } from 'node:path'
import { embeddedBroker, type Broker } from 'dure/messaging'
import type { Adapter } from 'dure/service'

/** In the environment of each process of a split marketplace: where the broker is that the first one started. */
export const BROKER = 'MARKETPLACE_BROKER'

/** Servers that the services can tell each other over. */
export const KINDS = ['activemq', 'artemis', 'kafka', 'nats', 'rabbitmq', 'redis'] as const
export type Kind = (typeof KINDS)[number]

/** The ports that clients of a server come to, by what they are for; the first is the one of its URL. */
export const CLIENT_PORTS: Readonly<Record<Kind, readonly string[]>> = {
  activemq: ['amqp'],
  artemis: ['amqp'],
  kafka: ['kafka'],
  nats: ['nats'],
  rabbitmq: ['amqp', 'stream'],
  redis: ['redis'],
}

/** A server of this machine as `--broker` takes it: further ports by their names, such as `kind://127.0.0.1:1?other=2`. */
export function addressOf(kind: Kind, ports: Readonly<Record<string, number>>): string {
  const [first, ...others] = CLIENT_PORTS[kind]
  const more = others.map((name) => `${name}=${ports[name]}`).join('&')
  return `${kind}://127.0.0.1:${ports[first!]}${more === '' ? '' : `?${more}`}`
}

/** What the command line says of it. */
type Flags = {
  readonly broker: string
  readonly durability: 'power' | 'process'
  readonly replicas: Readonly<Record<string, number>> | undefined
}

export type OwnBroker = { readonly url: string; readonly stop: () => Promise<void> }

/** With `--broker nats` a server of our own, which keeps its data in the directory; otherwise there is none to start. */
export async function ownBroker({ broker }: Flags, directory: string): Promise<OwnBroker | undefined> {
  if (!isKind(broker)) return undefined
  // Only who wants it needs its programs.
  const { startLocalServer } = await import('@dure/testing/servers')
  const { ports, close } = await startLocalServer(broker, { directory: join(directory, broker) })
  return { url: addressOf(broker, ports), stop: close }
}

/** The broker of the services. @param own the marketplace's own server, where it has one */
export async function brokerOf({ broker, durability, replicas }: Flags, own: string | undefined): Promise<Adapter<Broker>> {
  // Copies share partitions out among themselves.
  if (broker === 'embedded') return embeddedBroker({ durability, partitions: replicas === undefined ? 1 : 8 })
  const url = own ?? broker
  switch (new URL(url).protocol.slice(0, -1) as Kind) {
    case 'activemq':
    case 'artemis':
      return (await import('@dure/activemq')).activeMqBroker({ url: url.replace(/^\w+/, 'amqp'), prefix: 'marketplace' })
    case 'kafka':
      return (await import('@dure/kafka')).kafkaBroker({ url, prefix: 'marketplace.' })
    case 'nats':
      return (await import('@dure/nats')).natsBroker({ servers: url, prefix: 'marketplace', syncsAlways: own !== undefined })
    case 'rabbitmq': {
      const streamPort = Number(new URL(url).searchParams.get('stream') ?? 5552)
      const address = url.replace('rabbitmq:', 'amqp:').replace(/\?.*/, '')
      return (await import('@dure/rabbitmq')).rabbitmqBroker({ url: address, streamPort, prefix: 'marketplace' })
    }
    case 'redis':
      return (await import('@dure/redis')).redisBroker({ url, prefix: 'marketplace' })
  }
}

/** @throws {RangeError} when it is none */
export function readBroker(text: string): string {
  if (text === 'embedded' || isKind(text) || KINDS.some((kind) => text.startsWith(`${kind}://`))) return text
  throw new RangeError(`give embedded, ${KINDS.join(', ')}, or a URL such as nats://127.0.0.1:4222`)
}

function isKind(text: string): text is Kind {
  return (KINDS as readonly string[]).includes(text)
}
