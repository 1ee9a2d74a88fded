import type { GroupLag } from 'dure/messaging'
import { createLookups, encodeMessage, inTime, type BrokerServer } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import { gone, type Amqp } from './amqp.ts'
import type { Log } from './log.ts'
import type { Names } from './names.ts'
import { receiveFrom, type Receiving } from './receiving.ts'

/** Queues: quorum queues, whose work waits at the server until a receiver has a hand free. */
export type RabbitQueues = Pick<BrokerServer, 'send' | 'receive'> & { readonly lag: () => Promise<readonly GroupLag[]> }

/** Kept on the disks of more than one server where there are; never thrown away, however often it comes again. */
const QUORUM = { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': -1 } } as const

export function createQueues(options: {
  readonly amqp: Amqp
  readonly log: Log
  readonly names: Names
  readonly runtime: Runtime
  readonly timeout: number
}): RabbitQueues {
  const { amqp, log, names, runtime, timeout } = options
  const { timers } = runtime
  const known = createLookups<string>()
  const receiving = new Map<string, Receiving>()
  /** Messages that no queue took. */
  const returned = new Set<string>()
  const asking = amqp.channel(async () => {})
  const sending = amqp.channel(async (channel) => {
    channel.on('basic.return', ({ messageId }) => void returned.add(String(messageId)))
    await channel.confirmSelect()
  })

  log.tellHands(() => Object.fromEntries(receiving.entries().map(([name, { inHand }]) => [name, inHand()])))

  const queueOf = (name: string): Promise<string> =>
    known.find(name, async () => {
      const queue = names.queue(name)
      await (await asking()).queueDeclare({ queue, ...QUORUM })
      if (!log.state().queues.has(name)) await log.write({ do: 'queue', queue: name })
      return queue
    })

  const send: RabbitQueues['send'] = async (name, messages) => {
    const queue = await queueOf(name)
    const channel = await sending()
    const sent = messages.map(async (message, at) => {
      const { headers, contentType, data } = encodeMessage('amqp', message)
      const messageId = `${message.id}/${at}`
      const around = { routingKey: queue, mandatory: true, durable: true, messageId, headers: Object.fromEntries(headers) }
      // With an encoding the client leaves the bytes as they are.
      await channel.basicPublish({ ...around, contentType, contentEncoding: 'utf-8' }, Buffer.from(data))
      if (!returned.delete(messageId)) return
      known.forget(name)
      throw gone(name)
    })
    const all = Promise.allSettled(sent)
    let isLate = true
    await inTime(
      timers,
      timeout,
      all.then(() => (isLate = false)),
      () => {},
    )
    if (isLate) throw new Error(`the server has not confirmed for ${timeout} ms`)
    const failed = (await all).find(({ status }) => status === 'rejected')
    if (failed !== undefined) throw (failed as PromiseRejectedResult).reason
  }

  return {
    send,
    receive: async (name, receivers) => {
      await queueOf(name)
      const own = receiveFrom({ amqp, name, runtime, receivers, open: () => queueOf(name), forget: () => known.forget(name) })
      receiving.set(name, own)
      // Those who ask what is in hand know from now on whom to ask.
      await log.sync()
      return {
        wake: own.wake,
        leave: async () => {
          if (receiving.get(name) === own) receiving.delete(name)
          await own.leave()
        },
      }
    },
    lag: async () => {
      const { queues } = await log.sync()
      const waiting = await Promise.all(
        [...queues].map(async (name) => {
          const { messageCount } = await (await asking()).queueDeclare({ queue: await queueOf(name), ...QUORUM })
          return { name, messageCount }
        }),
      )
      // What is in hand the server tells to nobody, so the processes say it: afterwards, so that nothing is left out.
      const hands = await log.hands()
      return waiting.map(({ name, messageCount }) => ({
        ...{ group: 'queue', topic: name, partition: 0 },
        lag: messageCount + hands.reduce((sum, of) => sum + (of[name] ?? 0), 0),
        members: hands.filter((of) => name in of).length,
      }))
    },
  }
}
