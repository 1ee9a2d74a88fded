/** The clients alone, with the same messages in the same form. */
import { once } from 'node:events'
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, headers as natsHeaders } from '@nats-io/transport-node'
import { createClient } from '@redis/client'
import { encodeMessage } from 'dure/messaging/adapter'
import type { Message } from 'dure/contract'
import type { Open } from './load.ts'

/** `js.publish` for each message, all of a list at once; a durable consumer that acknowledges each. */
export const nats: Open = async (url, topic) => {
  const connection = await connect({ servers: url })
  const manager = await jetstreamManager(connection)
  const name = topic.replaceAll('.', '_')
  await manager.streams.add({ name, subjects: [topic] })
  await manager.consumers.add(name, { durable_name: 'readers', ack_policy: AckPolicy.Explicit, max_ack_pending: 10_000 })
  const js = jetstream(connection)
  return {
    publish: async (messages) => {
      await Promise.all(
        messages.map((message) => {
          const encoded = encodeMessage('nats', message)
          const headers = natsHeaders()
          for (const [header, value] of encoded.headers) headers.set(header, value)
          return js.publish(topic, encoded.data, { headers, msgID: message.id })
        }),
      )
    },
    consume: async (came) => {
      const consumer = await js.consumers.get(name, 'readers')
      const messages = await consumer.consume({ max_messages: 1_000 })
      void (async () => {
        for await (const message of messages) {
          came(1)
          message.ack()
        }
      })()
    },
  }
}

/** `XADD` for each message, in one pipeline; a group that reads 256 and acknowledges them together. */
export const redis: Open = async (url, topic) => {
  const client = await createClient({ url }).connect()
  const reading = await createClient({ url }).connect()
  await client.xGroupCreate(topic, 'readers', '0', { MKSTREAM: true })
  return {
    publish: async (messages) => {
      await Promise.all(
        messages.map((message) => {
          const { headers, data } = encodeMessage('redis', message)
          return client.xAdd(topic, '*', { ...Object.fromEntries(headers), data })
        }),
      )
    },
    consume: async (came) => {
      void (async () => {
        for (;;) {
          const found = await reading.xReadGroup('readers', 'one', { key: topic, id: '>' }, { COUNT: 256, BLOCK: 1_000 })
          const messages =
            (found as readonly { readonly messages: readonly { readonly id: string }[] }[] | null)?.[0]?.messages ?? []
          if (messages.length === 0) continue
          came(messages.length)
          await reading.xAck(
            topic,
            'readers',
            messages.map(({ id }) => id),
          )
        }
      })()
    },
  }
}

const kafkaRecord = (message: Message) => {
  const { headers, data } = encodeMessage('kafka', message)
  return { key: message.key, value: data, headers: Object.fromEntries(headers) }
}

/** An idempotent producer, a list in a request; a stream whose positions are committed by themselves. */
export const kafka: Open = async (url, topic) => {
  const { Admin, Consumer, Producer, stringDeserializers, stringSerializers } = await import('@platformatic/kafka')
  const options = { clientId: 'bench', bootstrapBrokers: [new URL(url).host] }
  const admin = new Admin(options)
  await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 })
  const producer = new Producer({ ...options, idempotent: true, serializers: stringSerializers })
  const consumer = new Consumer({ ...options, groupId: `${topic}.readers`, deserializers: stringDeserializers, maxWaitTime: 50 })
  return {
    publish: async (messages) => {
      await producer.send({ messages: messages.map((message) => ({ topic, ...kafkaRecord(message) })) })
    },
    consume: async (came) => {
      const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: 100 })
      stream.on('data', () => came(1))
    },
  }
}

/** A durable message each in a queue, all of a list at once; a receiver with credit for 500, which accepts each. */
export const activemq: Open = async (url, topic) => {
  const { default: rhea } = await import('rhea')
  const { hostname: host, port } = new URL(url)
  const options = { host, port: Number(port), reconnect: false as const, username: 'guest', password: 'guest' }
  const [writing, reading] = [rhea.create_container().connect(options), rhea.create_container().connect(options)]
  const queue = { address: topic, capabilities: ['queue'] } as never
  const sender = writing.open_sender({ target: queue })
  await once(sender, 'sendable')
  const waiting = new Map<unknown, () => void>()
  sender.on('accepted', ({ delivery }: { readonly delivery: unknown }) => waiting.get(delivery)?.())
  const send = async (message: Message): Promise<void> => {
    const { headers, contentType, data } = encodeMessage('amqp', message)
    const taken = Promise.withResolvers<void>()
    const delivery = sender.send({
      ...{ durable: true, message_id: message.id, content_type: contentType },
      application_properties: Object.fromEntries(headers),
      body: rhea.message.data_section(Buffer.from(data)),
    })
    waiting.set(delivery, taken.resolve)
    await taken.promise
    waiting.delete(delivery)
  }
  return {
    publish: async (messages) => void (await Promise.all(messages.map(send))),
    consume: async (came) => {
      const receiver = reading.open_receiver({ source: queue, credit_window: 500 })
      receiver.on('message', () => came(1))
    },
  }
}
export { activemq as artemis }

type KafkaJs = {
  readonly logLevel: { readonly NOTHING: number }
  readonly Kafka: new (options: object) => {
    readonly producer: (options: object) => {
      readonly connect: () => Promise<void>
      readonly send: (options: object) => Promise<unknown>
    }
    readonly consumer: (options: object) => {
      readonly connect: () => Promise<void>
      readonly subscribe: (options: object) => Promise<void>
      readonly run: (options: object) => Promise<void>
    }
  }
}

/** The client that most know. It is installed beside this file. */
export const kafkajs: Open = async (url, topic) => {
  const name = 'kafkajs'
  const { Kafka, logLevel } = ((await import(name)) as { readonly default: KafkaJs }).default
  const client = new Kafka({ clientId: 'bench', brokers: [new URL(url).host], logLevel: logLevel.NOTHING })
  const producer = client.producer({ idempotent: true, maxInFlightRequests: 5 })
  await producer.connect()
  const consumer = client.consumer({ groupId: `${topic}.readers`, maxWaitTimeInMs: 50 })
  return {
    publish: async (messages) => {
      await producer.send({ topic, acks: -1, messages: messages.map(kafkaRecord) })
    },
    consume: async (came) => {
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({
        eachBatch: async ({ batch }: { batch: { messages: readonly unknown[] } }) => came(batch.messages.length),
      })
    },
  }
}

type RabbitStreams = {
  readonly Offset: { readonly first: () => unknown }
  readonly connect: (options: object) => Promise<{
    readonly createStream: (options: object) => Promise<unknown>
    readonly declarePublisher: (options: object) => Promise<{
      readonly send: (data: Buffer, options: object) => Promise<{ readonly publishingId: bigint }>
      readonly on: (event: 'publish_confirm', listener: (error: number | null, ids: readonly bigint[]) => void) => void
    }>
    readonly declareConsumer: (
      options: object,
      came: () => void,
    ) => Promise<{ readonly storeOffset: (offset?: bigint) => Promise<void>; readonly getOffset: () => bigint }>
  }>
}

/**
 * As many in a frame as ours, each of which is confirmed; a consumer whose position is written every 100 ms, and which is 50 chunks ahead: with
 * few the client waits 40 ms for each, as its small frames wait for the server's TCP.
 */
export const rabbitmq: Open = async (url, topic, ports) => {
  const [name, policies] = ['rabbitmq-stream-js-client', 'rabbitmq-stream-js-client/dist/consumer_credit_policy.js']
  const { Offset, connect: connectStreams } = ((await import(name)) as { readonly default: RabbitStreams }).default
  type Policies = { readonly creditsOnChunkReceived: (from: number, step: number) => unknown }
  const { creditsOnChunkReceived } = ((await import(policies)) as { readonly default: Policies }).default
  const account = { username: 'guest', password: 'guest', vhost: '/' }
  const client = await connectStreams({ hostname: new URL(url).hostname, port: ports['stream'], ...account })
  await client.createStream({ stream: topic, arguments: {} })
  const publisher = await client.declarePublisher({ stream: topic, maxChunkLength: 1_000 })
  const waiting = new Map<bigint, PromiseWithResolvers<void>>()
  /** Also of one that is confirmed before it is known who waits. */
  const confirmOf = (id: bigint): PromiseWithResolvers<void> => {
    const known = waiting.get(id) ?? Promise.withResolvers<void>()
    waiting.set(id, known)
    return known
  }
  publisher.on('publish_confirm', (error, ids) => {
    for (const id of ids) {
      if (error === null) confirmOf(id).resolve()
      else confirmOf(id).reject(new Error(`RabbitMQ did not take it: ${error}`))
    }
  })
  const send = async (message: Message): Promise<void> => {
    const { headers, contentType, data } = encodeMessage('amqp', message)
    const properties = { applicationProperties: Object.fromEntries(headers), messageProperties: { contentType } }
    const { publishingId } = await publisher.send(Buffer.from(data), properties)
    await confirmOf(publishingId).promise
    waiting.delete(publishingId)
  }
  return {
    publish: async (messages) => void (await Promise.all(messages.map(send))),
    consume: async (came) => {
      const from = { offset: Offset.first(), consumerRef: 'readers', creditPolicy: creditsOnChunkReceived(50, 1) }
      const consumer = await client.declareConsumer({ stream: topic, ...from }, () => came(1))
      setInterval(() => void consumer.storeOffset(consumer.getOffset()), 100)
    },
  }
}
