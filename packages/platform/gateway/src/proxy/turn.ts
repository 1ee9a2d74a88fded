/** What has something to send at the end of a turn. */
export type Sender = { readonly flush: () => void }

/**
 * A turn of the loop: all that was read at once. What is to be sent of it goes out together at its end, so that a process at the other end
 * is woken once for many messages, and not for each: on a machine with a core to spare that is a third of what a request costs.
 */
export type Turn = {
  /** Has a sender flushed when everything that came in this turn was looked at. */
  readonly add: (sender: Sender) => void
  /** Bytes to write into, until the turn ends. */
  readonly room: (size: number) => Buffer
  /** Whoever was given these bytes has not taken them at once: they are not written over. */
  readonly keep: (bytes: Buffer) => void
}

/** The most that `room` is asked for: more than is read at once, and a head. */
export const ROOM = 131_072

/** @param soon runs a task when what has come in is looked at */
export function createTurn(soon: (task: () => void) => void): Turn {
  let senders: Sender[] = []
  let others: Sender[] = []
  let bytes: Buffer | undefined
  let used = 0

  const flush = (): void => {
    const now = senders
    senders = others
    others = now
    for (const sender of now) sender.flush()
    now.length = 0
    used = 0
  }
  return {
    add: (sender) => {
      if (senders.push(sender) === 1) soon(flush)
    },
    room: (size) => {
      if (used + size > ROOM) flush()
      bytes ??= Buffer.allocUnsafeSlow(ROOM)
      const from = used
      used += size
      return bytes.subarray(from, used)
    },
    keep: ({ buffer }) => {
      if (buffer !== bytes?.buffer) return
      bytes = undefined
      used = 0
    },
  }
}
