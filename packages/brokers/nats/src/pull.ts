import { createInbox, type Msg } from '@nats-io/nats-core'
import type { Runtime } from 'dure/runtime'
import type { Link } from './connection.ts'
import { placeOf, type Place } from './messages.ts'

/** Messages of a consumer, asked for in one question at a time: no more of them come than there is room for. */
export type Pull = {
  /** Asks for so many messages, and bytes of them, at most; nothing while a question is open. */
  readonly ask: (count: number, bytes?: number) => void
  /** Messages that the open question may still bring. */
  readonly asked: () => number
  /** Asks no more; what is on its way comes still, and then nothing. */
  readonly end: () => Promise<void>
}

/** How a question has ended: all there was room for has come, or its time was over; the next message is too large for it; nobody answers. */
export type Ended = 'over' | 'large' | 'gone'

/** Milliseconds that a question stays open, and after which it is thought lost. */
const [OPEN, LOST] = [20_000, 30_000]

export function openPull(options: {
  link: Link
  runtime: Runtime
  stream: string
  consumer: string
  came: (message: Msg, place: Place) => void
  ended: (how: Ended) => void
}): Pull {
  const { link, runtime, stream, consumer, came, ended } = options
  const inbox = createInbox()
  let [left, count, askedAt] = [0, 0, 0]
  let isOver = false

  const subscription = link.nc.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (error !== null) return
      const place = placeOf(message.reply)
      if (place !== undefined) {
        const isLast = --left === 0
        came(message, place)
        return isLast ? ended('over') : undefined
      }
      const { code = 0, description = '' } = message.headers ?? {}
      // Whatever is said of a question before this one has no meaning any more.
      if (message.subject !== `${inbox}.${count}` || left <= 0 || code < 300) return
      left = 0
      ended(/exceeds maxbytes/i.test(description) ? 'large' : code === 408 || code === 404 ? 'over' : 'gone')
    },
  })

  return {
    ask: (most, bytes) => {
      if (isOver || most <= 0 || !link.isConnected()) return
      if (left > 0 && runtime.clock.monotonic() - askedAt < LOST) return
      left = most
      askedAt = runtime.clock.monotonic()
      const request = { batch: most, expires: OPEN * 1e6, ...(bytes === undefined ? {} : { max_bytes: bytes }) }
      link.tell(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, JSON.stringify(request), `${inbox}.${++count}`)
    },
    asked: () => Math.max(0, left),
    end: async () => {
      isOver = true
      // The server gives nothing to whom nobody listens.
      if (link.isConnected()) await subscription.drain().catch(() => {})
      subscription.unsubscribe()
    },
  }
}
