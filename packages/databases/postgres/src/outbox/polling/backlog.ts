import type { OutboxMessage } from 'dure/data'
import { dataSize } from 'dure/data/internal'

/** So many messages, and the bytes of their data. */
export type Amount = { readonly messages: number; readonly bytes: number }

/**
 * What waits. What this process commits and delivers is counted as it happens; what others do is seen at
 * the next look at the table.
 */
export type Backlog = {
  readonly committed: (amount: Amount) => void
  readonly delivered: (amount: Amount) => void
  /** To be taken before looking, for `looked`. */
  readonly mark: () => Mark
  /** So much was there, not counting what had been delivered. */
  readonly looked: (waiting: Amount, mark: Mark) => void
  readonly depth: () => number
  readonly size: () => number
}

type Mark = { readonly committed: Amount; readonly delivered: Amount }

export const NOTHING: Amount = { messages: 0, bytes: 0 }

export function createBacklog(): Backlog {
  let [committed, delivered, base] = [NOTHING, NOTHING, NOTHING]
  let at: Mark = { committed, delivered }
  const waiting = (of: (amount: Amount) => number): number =>
    Math.max(0, of(base) + of(committed) - of(at.committed) - (of(delivered) - of(at.delivered)))
  return {
    committed: (amount) => void (committed = sum(committed, amount)),
    delivered: (amount) => void (delivered = sum(delivered, amount)),
    mark: () => ({ committed, delivered }),
    looked: (found, mark) => {
      base = found
      at = mark
    },
    depth: () => waiting(({ messages }) => messages),
    size: () => waiting(({ bytes }) => bytes),
  }
}

function sum(one: Amount, other: Amount): Amount {
  return { messages: one.messages + other.messages, bytes: one.bytes + other.bytes }
}

export function amountOf(messages: readonly OutboxMessage[]): Amount {
  return { messages: messages.length, bytes: dataSize(messages) }
}
