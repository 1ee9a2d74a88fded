import type { Msg } from '@nats-io/nats-core'
import type { GroupLag } from 'dure/messaging'
import type { BrokerServer } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { Link } from './connection.ts'
import { incoming, type Place } from './messages.ts'
import { openPull, type Pull } from './pull.ts'
import type { Streams, Topic } from './streams.ts'

/** Queues: streams of work that one of the receivers takes. */
export type NatsQueues = {
  /** The queue's stream, with its consumer. */
  readonly open: (queue: string) => Promise<Topic>
  readonly receive: BrokerServer['receive']
  readonly lag: (queue: Topic) => Promise<GroupLag>
}

const CONSUMER = 'work'
/** So often tried in vain, a message waits as long as is waited at most. */
const MOST_TRIES = 20
/** Milliseconds between looks whether a question was lost. */
const LOOK = 20_000

export function createQueues(options: { link: Link; runtime: Runtime; streams: Streams; ackWait: number }): NatsQueues {
  const { link, runtime, streams, ackWait } = options
  const { timers } = runtime
  const ready = new WeakSet<Topic>()

  const openQueue = async (name: string): Promise<Topic> => {
    const queue = await streams.queue(name)
    if (ready.has(queue)) return queue
    await link.jsm.consumers.add(queue.stream, {
      ...{ durable_name: CONSUMER, ack_policy: 'explicit', ack_wait: ackWait * 1e6, max_deliver: -1, max_ack_pending: -1 },
      deliver_policy: 'all',
    })
    ready.add(queue)
    return queue
  }

  const receive: NatsQueues['receive'] = async (name, receivers) => {
    const queue = await openQueue(name)
    let isLeaving = false
    const ask = (): void => (isLeaving ? undefined : pull.ask(receivers.room().messages))

    const came = (message: Msg, place: Place): void => {
      const reply = message.reply!
      if (isLeaving) return link.tell(reply, '-NAK')
      // Nobody else gets it while it is worked on, however long that takes.
      let timer = timers.after(ackWait / 3, function extend() {
        link.tell(reply, '+WPI')
        timer = timers.after(ackWait / 3, extend)
      })
      receivers.give({
        message: incoming(message, { topic: name, partition: 0, ...place }),
        ...{ size: message.data.length, failed: Math.min(place.tries, MOST_TRIES) - 1 },
        done: async () => {
          await link.guard(`acknowledge work of queue "${name}"`, () => link.ask(reply, '+ACK'))
          timer.cancel()
        },
        again: (ms) => {
          timer.cancel()
          link.tell(reply, ms > 0 ? `-NAK {"delay":${Math.round(ms * 1e6)}}` : '-NAK')
        },
      })
    }

    const open = (): Pull =>
      openPull({
        ...{ link, runtime, stream: queue.stream, consumer: CONSUMER },
        came,
        // Asked again at once, a server that cannot answer would be asked for ever. Its consumer may have been deleted.
        ended: (how) => (how === 'gone' ? void timers.after(200, reopen) : void timers.soon(ask)),
      })
    const reopen = (): void => {
      ready.delete(queue)
      void openQueue(name).catch(receivers.failed).then(ask)
    }
    let pull = open()
    const unlisten = link.onReconnect(() => {
      void pull.end()
      pull = open()
      ask()
    })
    let timer = timers.after(LOOK, function look() {
      ask()
      timer = timers.after(LOOK, look)
    })
    return {
      wake: ask,
      leave: async () => {
        isLeaving = true
        timer.cancel()
        unlisten()
        await pull.end()
      },
    }
  }

  return {
    open: openQueue,
    receive,
    lag: async (queue) => {
      // What is done is gone from it.
      const { messages: lag, first_ts } = (await link.jsm.streams.info(queue.stream)).state
      return { group: 'queue', topic: queue.name, partition: 0, lag, since: lag > 0 ? Date.parse(first_ts) : undefined }
    },
  }
}
