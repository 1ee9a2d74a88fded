import type { Message } from '../contract/contract.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import { backoff } from '../runtime/internal.ts'
import type { ReceiveOptions } from './queues.ts'

/** A message of a queue that this process has taken, until it is acknowledged. */
export type Work = {
  readonly message: Message
  /** Bytes of it in memory, about. */
  readonly size: number
  /** Acknowledges it. When this rejects it is tried again, as if its receiver had rejected it. */
  readonly done: () => Promise<void>
  /**
   * It is not done, and the server is to bring it again after so many milliseconds. Where a server cannot be told, the message
   * stays here and is handed out once more.
   */
  readonly again?: (ms: number) => void
  /** Tries that have failed before it came here. */
  readonly failed?: number
  /** Asked before it is handed out once more: false when it has gone to another process. */
  readonly isOurs?: () => boolean
}

/** The receivers of one queue in this process, as what takes messages from its server sees them. */
export type Receivers<W extends Work = Work> = {
  /** What may be taken for them now, at most; `bytes` never keeps away a message that is the only one. */
  readonly room: () => { readonly messages: number; readonly bytes: number }
  /** Hands it out as soon as one of them is free. */
  readonly give: (work: W) => void
  /** Resolves when none of these is in hand. What waits for another try is not. */
  readonly settled: (which?: (work: W) => boolean) => Promise<void>
  /** Tells them of trouble. */
  readonly failed: (error: unknown) => void
}

/** The same, as whoever has them sees them. */
export type ReceiverPool<W extends Work = Work> = Receivers<W> & {
  /** Adds one; it leaves when nothing is in its hands. */
  readonly add: (options: ReceiveOptions) => { readonly leave: () => Promise<void> }
  readonly count: () => number
  /** Whether none of them stays. */
  readonly isEmpty: () => boolean
  /** Hands out no more: what waits is the server's again. */
  readonly end: () => void
}

type Receiver = { readonly options: ReceiveOptions; inHand: number; leaving: boolean; idle: (() => void) | undefined }

const RETRY = { first: 50, max: 10_000 }
/** Bytes in hand of one queue, about; one message always is. */
const MOST_BYTES = 16 * 1024 * 1024
/** Messages, and bytes of them, that wait to be handed out once more: with so many nothing new is taken. */
const [MOST_PAUSES, MOST_PAUSED_BYTES] = [1_000, 64 * 1024 * 1024]

/** @param wanted told that there is room for more */
export function createReceivers<W extends Work>({ timers, random }: Runtime, wanted: () => void): ReceiverPool<W> {
  const receivers: Receiver[] = []
  /** Given, and not in hand; those that are to be tried once more are among them. */
  const waiting: W[] = []
  const pauses = new Map<W, Timer>()
  const failures = new Map<W, number>()
  const inHand = new Set<W>()
  /** Bytes in hand and waiting, and those in a pause. */
  let size = 0
  let paused = 0
  let turn = 0
  let news = Promise.withResolvers<void>()

  const room = (): { readonly messages: number; readonly bytes: number } => {
    const free = receivers.reduce((sum, receiver) => sum + freeOf(receiver), 0) - waiting.length
    const bytes = inHand.size + waiting.length === 0 ? Infinity : MOST_BYTES - size
    const isFull = bytes <= 0 || pauses.size >= MOST_PAUSES || paused >= MOST_PAUSED_BYTES
    return isFull || free <= 0 ? { messages: 0, bytes: 0 } : { messages: free, bytes }
  }

  const handOut = (): void => {
    while (waiting.length > 0 && receivers.some((one) => freeOf(one) > 0)) {
      const work = waiting.shift()!
      if (work.isOurs?.() === false) {
        size -= work.size
        failures.delete(work)
        continue
      }
      // They take turns, so that one with many hands does not get everything.
      while (freeOf(receivers[turn % receivers.length]!) === 0) turn++
      void handle(receivers[turn++ % receivers.length]!, work)
    }
  }

  const goOn = (): void => {
    handOut()
    if (room().messages > 0) wanted()
  }

  const handle = async (receiver: Receiver, work: W): Promise<void> => {
    receiver.inHand++
    inHand.add(work)
    try {
      await receiver.options.handle(work.message)
      await work.done()
      failures.delete(work)
    } catch (error) {
      receiver.options.onError?.(error)
      comeAgain(work)
    }
    inHand.delete(work)
    size -= work.size
    if (--receiver.inHand === 0) receiver.idle?.()
    news.resolve()
    news = Promise.withResolvers()
    goOn()
  }

  const isEmpty = (): boolean => receivers.every(({ leaving }) => leaving)
  /** What is in nobody's hands, and never will be here, goes to others, where the server can be told. */
  const giveBack = (): void => {
    for (const work of waiting.splice(0))
      if (work.again === undefined) waiting.push(work)
      else {
        size -= work.size
        work.again(0)
      }
  }

  const comeAgain = (work: W): void => {
    const failed = (failures.get(work) ?? work.failed ?? 0) + 1
    const ms = backoff(RETRY, failed, random)
    if (work.again !== undefined) return work.again(ms)
    failures.set(work, failed)
    paused += work.size
    const back = (): void => {
      pauses.delete(work)
      paused -= work.size
      size += work.size
      waiting.push(work)
      goOn()
    }
    pauses.set(work, timers.after(ms, back))
  }

  return {
    room,
    give: (work) => {
      size += work.size
      waiting.push(work)
      if (isEmpty()) giveBack()
      else handOut()
    },
    settled: async (which = () => true) => {
      while (inHand.values().some(which)) await news.promise
    },
    failed: (error) => receivers.forEach(({ options }) => options.onError?.(error)),
    add: (options) => {
      const receiver: Receiver = { options, inHand: 0, leaving: false, idle: undefined }
      receivers.push(receiver)
      goOn()
      return {
        leave: async () => {
          receiver.leaving = true
          if (isEmpty()) giveBack()
          if (receiver.inHand > 0) await new Promise<void>((resolve) => void (receiver.idle = resolve))
          receivers.splice(receivers.indexOf(receiver), 1)
        },
      }
    },
    count: () => receivers.length,
    isEmpty,
    end: () => {
      for (const timer of pauses.values()) timer.cancel()
    },
  }
}

function freeOf({ options, inHand, leaving }: Receiver): number {
  return leaving ? 0 : Math.max(0, (options.concurrency ?? 16) - inHand)
}
