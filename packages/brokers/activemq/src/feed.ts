import type { Delivery } from 'dure/messaging'
import { backoff, fitting } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type rhea from 'rhea'
import type { Arrival, Inlet } from './links.ts'
import type { Line } from './line.ts'
import { decode } from './messages.ts'
import type { Wire } from './wire.ts'

/** Bytes that all feeds of a broker may still take in hand, about; who finds none left takes one message at a time. */
export type Budget = { left: number }

/** What comes of one partition of a group to the only one that has it, as long as it has it. */
export type Feed = {
  readonly open: () => void
  readonly next: (limit: number) => readonly Delivery[]
  readonly taken: (batch: readonly Delivery[]) => void
  /** Ends it, at the server too: the next one has what was not taken. */
  readonly close: () => Promise<void>
}

type Read = { readonly delivery: Delivery; readonly accept: () => void; readonly size: number }

/** Bytes of one partition that are in hand or asked for, about, and messages; what is handed over at once. */
const [READ_BYTES, READ_MESSAGES, BATCH] = [4 * 1024 * 1024, 500, 1024 * 1024]
const RETRY = { first: 50, max: 5_000 }

export function createFeed(options: {
  readonly line: Line
  readonly runtime: Runtime
  readonly budget: Budget
  readonly source: rhea.Source
  readonly topic: string
  readonly partition: number
  /** Something has come. */
  readonly wake: () => void
  readonly failed: (error: unknown) => void
}): Feed {
  const { line, runtime, budget, source, topic, partition, wake, failed } = options
  const ending = new AbortController()
  let inlet: Inlet | undefined
  let opening: Promise<void> | undefined
  const waiting: Read[] = []
  const window = createWindow(READ_BYTES, READ_MESSAGES)

  const ask = (): void => {
    if (inlet === undefined) return
    const free = Math.min(window.free(), budget.left > 0 ? Infinity : 1 - waiting.length - window.asked())
    if (free > 0 && (free >= 16 || window.asked() === 0)) inlet.credit(window.ask(free))
  }
  const drop = (read: readonly Read[]): void => {
    for (const { size } of read) {
      budget.left += size
      window.done(size)
    }
  }
  const arrived = ({ bytes, accept }: Arrival): void => {
    const place = { topic, partition, newId: runtime.ids.next }
    const read = { delivery: { ...decode(bytes, place), partition }, accept, size: bytes.length }
    budget.left -= read.size
    window.came(read.size)
    waiting.push(read)
    ask()
    wake()
  }
  /** What came over a connection that is lost comes again over the next one. */
  const reset = (): void => {
    inlet = undefined
    drop(waiting.splice(0))
    window.reset()
  }
  const attach = async (wire: Wire): Promise<void> => {
    for (let failures = 1; wire.isOpen() && !ending.signal.aborted; failures++)
      try {
        const ended = (error: unknown): void => {
          reset()
          failed(error)
          attachTo(wire)
        }
        const opened = await wire.inlet({ source, arrived, ended })
        if (ending.signal.aborted) return opened.close()
        inlet = opened
        return ask()
      } catch (error) {
        if (!wire.isOpen()) return
        failed(error)
        await runtime.timers.sleep(backoff(RETRY, failures, runtime.random), ending.signal)
      }
  }
  const attachTo = (wire: Wire): void => void (opening = attach(wire))
  let unlisten = (): void => {}

  return {
    open: () => {
      unlisten = line.listen({ opened: attachTo, lost: reset })
      const wire = line.now()
      if (wire !== undefined) attachTo(wire)
    },
    next: (limit) =>
      fitting(
        waiting.slice(0, limit).map(({ delivery }) => delivery),
        { count: limit, size: BATCH },
        ({ message }) => message.data.length,
      ),
    taken: (batch) => {
      // Of a connection that is lost nothing is waiting any more.
      const count = waiting[0]?.delivery.message === batch[0]?.message ? batch.length : 0
      const done = waiting.splice(0, count)
      for (const { accept } of done) accept()
      drop(done)
      ask()
    },
    close: async () => {
      ending.abort()
      unlisten()
      await opening
      const open = inlet
      reset()
      // With the connection lost, the server has ended it.
      await open?.close().catch(() => {})
    },
  }
}

export type Window = {
  /** Messages asked for that have not come. */
  readonly asked: () => number
  /** How many more may be asked for; below 1 for none. */
  readonly free: () => number
  readonly ask: (messages: number) => number
  /** A message of so many bytes has come. */
  readonly came: (own: number) => void
  readonly done: (own: number) => void
  readonly reset: () => void
}

/** How many more messages may be asked for, so that those in hand have about so many bytes: learned from those that have come. */
export function createWindow(bytes: number, most: number): Window {
  let asked = 0
  let [inHand, inHandBytes] = [0, 0]
  /** Bytes of a message, about: of the large ones among the last. Begins with what keeps the first ones few. */
  let size = bytes / 16
  return {
    asked: () => asked,
    free: () => {
      if (asked + inHand === 0) return Math.min(most, Math.max(1, Math.floor(bytes / size)))
      return Math.min(most - inHand, Math.floor((bytes - inHandBytes) / size)) - asked
    },
    ask: (messages: number) => {
      asked += messages
      return messages
    },
    came: (own: number) => {
      asked--
      inHand++
      inHandBytes += own
      size = Math.max(own, size * 0.9, 64)
    },
    done: (own: number) => {
      inHand--
      inHandBytes -= own
    },
    reset: () => void ([asked, inHand, inHandBytes] = [0, 0, 0]),
  }
}
