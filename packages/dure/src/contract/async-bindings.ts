/** What AsyncAPI's bindings say of channels, groups and messages: as much as each broker's protocol has words for. */
import { keyOf } from './describe.ts'
import type { AnyEvent } from './event.ts'

export type AsyncServers = Readonly<
  Record<string, { readonly host: string; readonly protocol: string; readonly description?: string }>
>

/** A reaction of a service to an event: its consumer group is `service/name`. */
export type AsyncReader = { readonly service: string; readonly name: string; readonly event: string }

type Bound = { readonly bindings?: Readonly<Record<string, object>> }
type Protocol = {
  readonly topic?: (address: string, event: AnyEvent) => object
  readonly queue?: (address: string) => object
  readonly group?: (name: string) => object
  readonly message?: (event: AnyEvent) => object
}

const amqpQueue = (name: string): object => ({ is: 'queue', queue: { name, durable: true, exclusive: false, autoDelete: false } })

/**
 * https://github.com/asyncapi/bindings. Redis' are empty as yet; those of NATS know queue groups, which a log that is read by position does
 * not have.
 */
const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  kafka: {
    topic: (topic, { partitions, retention }) => ({
      topic,
      ...(partitions !== undefined && { partitions }),
      ...(retention !== undefined && { topicConfiguration: retained(retention) }),
    }),
    queue: (topic) => ({ topic }),
    group: (name) => ({ groupId: { type: 'string', enum: [name] } }),
    message: (event) => {
      const key = keyOf(event)
      return { key: { type: 'string', ...(key !== undefined && { description: key }) } }
    },
  },
  amqp: { topic: amqpQueue, queue: amqpQueue },
}
const SECURE: Readonly<Record<string, string>> = { 'kafka-secure': 'kafka', amqps: 'amqp' }

function retained({ ms, bytes }: NonNullable<AnyEvent['retention']>): object {
  // For ever is -1 in Kafka's words.
  const said = (value: number): number => (value === Infinity ? -1 : value)
  return { ...(ms !== undefined && { 'retention.ms': said(ms) }), ...(bytes !== undefined && { 'retention.bytes': said(bytes) }) }
}

/** Of the protocols of these servers. */
export function bindingsFor(servers: AsyncServers): {
  readonly topic: (address: string, event: AnyEvent) => Bound
  readonly queue: (address: string) => Bound
  readonly group: (name: string) => Bound
  readonly message: (event: AnyEvent) => Bound
} {
  const names = [...new Set(Object.values(servers).map(({ protocol }) => SECURE[protocol] ?? protocol))]
  const bound = (draw: (protocol: Protocol) => object | undefined): Bound => {
    const all = names.flatMap((name) => {
      const said = Object.hasOwn(PROTOCOLS, name) ? draw(PROTOCOLS[name]!) : undefined
      return said === undefined ? [] : [[name, said] as const]
    })
    return all.length === 0 ? {} : { bindings: Object.fromEntries(all) }
  }
  return {
    topic: (address: string, event: AnyEvent): Bound => bound(({ topic }) => topic?.(address, event)),
    queue: (address: string): Bound => bound(({ queue }) => queue?.(address)),
    group: (name: string): Bound => bound(({ group }) => group?.(name)),
    message: (event: AnyEvent): Bound => bound(({ message }) => message?.(event)),
  }
}
