import { decodeMessage, type QueueSource, type Receivers, type Work } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { AsyncMessage, Channel } from 'rabbitmq-client'
import type { Amqp } from './amqp.ts'

/** What takes messages of one queue for the receivers of this process. */
export type Receiving = QueueSource & {
  /** Messages that the server has brought here and that are not acknowledged. */
  readonly inHand: () => number
}

/** A consumer at the server: it is brought so many messages that it has not acknowledged. */
type Consumer = { readonly most: number; tag: string | undefined; unacknowledged: number; isOver: boolean }

const PAUSE = 200

/**
 * The server brings a consumer no more than it may have in hand, and that number is fixed when it begins. So there are several on one
 * channel: another one begins when there is room for more (what waits for another try is still in hand), and ends when there
 * is too much.
 */
export function receiveFrom(options: {
  readonly amqp: Amqp
  readonly runtime: Runtime
  readonly receivers: Receivers
  /** Topic of the messages of programs that say none. */
  readonly name: string
  /** Makes the queue where it is not there; answers what it is called at the server. */
  readonly open: () => Promise<string>
  readonly forget: () => void
}): Receiving {
  const { amqp, runtime, receivers, name, open, forget } = options
  const { timers } = runtime
  let consumers: Consumer[] = []
  let current: Channel | undefined
  let isLeaving = false
  let isBusy = false
  let again = false

  const cancelled = (): void => {
    forget()
    void current?.close()
  }
  const channel = amqp.channel(async (made) => {
    current = made
    consumers = []
    made.on('basic.cancel', cancelled)
    made.once('close', () => {
      if (current !== made) return
      ;[current, consumers] = [undefined, []]
      if (!isLeaving) timers.after(PAUSE, wake)
    })
  })

  const free = (): number =>
    consumers.reduce((sum, { most, unacknowledged, isOver }) => sum + (isOver ? 0 : most - unacknowledged), 0)

  const look = async (): Promise<void> => {
    const queue = await open()
    const on = await channel()
    const { messages } = receivers.room()
    if (free() < messages) {
      const consumer: Consumer = { most: messages - free(), tag: undefined, unacknowledged: 0, isOver: false }
      consumers.push(consumer)
      await on.basicQos({ prefetchCount: consumer.most })
      const begun = await on.basicConsume({ queue }, (message) => came(on, consumer, message))
      consumer.tag = begun.consumerTag
      return
    }
    // Those that may bring nothing that is not wanted stay.
    for (const consumer of consumers) {
      if (consumer.tag === undefined || consumer.isOver || free() - (consumer.most - consumer.unacknowledged) < messages) continue
      if (free() - messages < 1) break
      consumer.isOver = true
      await on.basicCancel(consumer.tag)
    }
    consumers = consumers.filter(({ isOver, unacknowledged }) => !isOver || unacknowledged > 0)
  }

  const wake = (): void => {
    again = true
    if (!isBusy) void run()
  }
  const run = async (): Promise<void> => {
    isBusy = true
    // A broker that did not wait for its receivers has stopped all the same.
    while (again && !isLeaving && !amqp.isClosed()) {
      again = false
      try {
        await look()
      } catch (error) {
        receivers.failed(error)
        forget()
        again = true
        await timers.sleep(PAUSE)
      }
    }
    isBusy = false
  }

  const came = (on: Channel, consumer: Consumer, message: AsyncMessage): void => {
    if (on !== current || isLeaving) return
    consumer.unacknowledged++
    const { deliveryTag } = message
    const isOurs = (): boolean => on === current && on.active
    const work: Work = {
      message: messageOf(name, message),
      size: sizeOf(message.body),
      isOurs,
      done: async () => {
        // With its channel gone the server has brought it to somebody else.
        if (!isOurs()) throw new Error('the connection was lost before it was acknowledged; it comes again')
        on.basicAck({ deliveryTag })
        consumer.unacknowledged--
        wake()
      },
    }
    receivers.give(work)
  }

  return {
    wake,
    inHand: () => consumers.reduce((sum, { unacknowledged }) => sum + unacknowledged, 0),
    leave: async () => {
      isLeaving = true
      const last = current
      await last?.close()
    },
  }
}

function messageOf(queue: string, message: AsyncMessage) {
  const { headers = {}, contentType, body, timestamp, messageId } = message
  return decodeMessage('amqp', {
    ...{ topic: queue, partition: 0, position: String(messageId ?? message.deliveryTag), time: (timestamp ?? 0) * 1_000 },
    headers: Object.entries(headers).filter(([name]) => !name.startsWith('x-')),
    contentType,
    data: Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body),
  })
}

const sizeOf = (body: unknown): number =>
  Buffer.isBuffer(body) || typeof body === 'string' ? body.length : JSON.stringify(body).length
