import { JetStreamApiError } from '@nats-io/jetstream'
import type { Msg } from '@nats-io/nats-core'
import type { GroupLag, ReceiveOptions } from 'dure/messaging'
import { backoff, BROKER_NUMBERS, checkOptions } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { Link } from './connection.ts'
import { incoming, type Place } from './messages.ts'
import { openPull, type Pull } from './pull.ts'
import type { Streams, Topic } from './streams.ts'

/** Queues: streams of work that one of the receivers takes. */
export type NatsQueues = {
  /** The queue's stream, with its consumer. */
  readonly open: (queue: string) => Promise<Topic>
  /** Starts a receiver; answers how to end it, which resolves when nothing is in its hands any more. */
  readonly receive: (options: ReceiveOptions) => Promise<() => Promise<void>>
  readonly lag: (queue: Topic) => Promise<GroupLag>
}

const CONSUMER = 'work'
const RETRY = { first: 50, max: 10_000 }
/** Milliseconds between looks whether a question was lost. */
const LOOK = 20_000
const NOT_FOUND = 10_014

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

  const receive: NatsQueues['receive'] = async (request) => {
    const { queue: name, concurrency = 16, handle, onError } = request
    checkOptions(`receive from queue "${name}"`, request, BROKER_NUMBERS.receive)
    const queue = await openQueue(name)
    let inHand = 0
    let isLeaving = false
    const idle = Promise.withResolvers<void>()
    const ask = (): void => (isLeaving ? undefined : pull.ask(concurrency - inHand))

    const work = async (message: Msg, place: Place): Promise<void> => {
      const reply = message.reply!
      // Nobody else gets it while it is worked on, however long that takes.
      let timer = timers.after(ackWait / 3, function extend() {
        link.tell(reply, '+WPI')
        timer = timers.after(ackWait / 3, extend)
      })
      try {
        await handle(incoming(message, { topic: name, partition: 0, ...place }))
        await link.guard(`acknowledge work of queue "${name}"`, () => link.ask(reply, '+ACK'))
      } catch (error) {
        onError?.(error)
        const delay = Math.round(backoff(RETRY, Math.min(place.tries, 20), runtime.random) * 1e6)
        link.tell(reply, `-NAK {"delay":${delay}}`)
      } finally {
        timer.cancel()
      }
    }

    const open = (): Pull =>
      openPull({
        ...{ link, runtime, stream: queue.stream, consumer: CONSUMER },
        came: (message, place) => {
          if (isLeaving) return link.tell(message.reply!, '-NAK')
          inHand++
          void work(message, place).then(() => {
            inHand--
            if (isLeaving && inHand === 0) idle.resolve()
            ask()
          })
        },
        // Asked again at once, a server that cannot answer would be asked for ever. Its consumer may have been deleted.
        ended: (how) => (how === 'gone' ? void timers.after(200, reopen) : void timers.soon(ask)),
      })
    const reopen = (): void => {
      ready.delete(queue)
      void openQueue(name)
        .catch((error: unknown) => onError?.(error))
        .then(ask)
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
    ask()
    return async () => {
      isLeaving = true
      timer.cancel()
      unlisten()
      const ended = pull.end()
      if (inHand > 0) await idle.promise
      await ended
    }
  }

  return {
    open: openQueue,
    receive,
    lag: async (queue) => {
      const of = { group: 'queue', topic: queue.name, partition: 0 }
      try {
        const info = await link.jsm.consumers.info(queue.stream, CONSUMER)
        return { ...of, lag: info.num_pending + info.num_ack_pending }
      } catch (error) {
        if (!(error instanceof JetStreamApiError && error.code === NOT_FOUND)) throw error
        return { ...of, lag: (await link.jsm.streams.info(queue.stream)).state.messages }
      }
    },
  }
}
