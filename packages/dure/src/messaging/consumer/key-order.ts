import type { Message } from '../../contract/contract.ts'
import type { Clock } from '../../runtime/runtime.ts'

/** Milliseconds for which work that went back is waited for: longer than any broker pauses. Then another receiver has it. */
const LONGEST = 30_000
/** Messages that are known to have gone back, at most; with more, no order is kept of what comes next. */
const MOST = 10_000

type Line = {
  /** Ids of those that went back, in the order in which they came first. */
  readonly back: string[]
  /** The last of them in hand. */
  last: Promise<void> | undefined
  heard: number
}

/**
 * Work of a queue comes one by one, and several at once: that of one key waits for the one before it. What cannot be taken goes back to
 * the queue with those that waited for it. What has no key waits for nothing.
 *
 * @param options `alone`: nobody else receives it. Then what went back is done before what came later, which goes back as well until then.
 */
export function inOrderOfKeys(options: {
  readonly handle: (message: Message) => Promise<void>
  readonly clock: Pick<Clock, 'monotonic'>
  readonly alone: boolean
}): (message: Message) => Promise<void> {
  const { handle, clock, alone } = options
  const lines = new Map<string, Line>()
  let count = 0

  const forget = (line: Line): void => {
    if (line.back.length > 0 && clock.monotonic() - line.heard > LONGEST) count -= line.back.splice(0).length
  }
  const lineOf = (key: string): Line => {
    const line = lines.get(key) ?? { back: [], last: undefined, heard: clock.monotonic() }
    forget(line)
    lines.set(key, line)
    return line
  }
  const goesBack = (line: Line, id: string): void => {
    if (!alone || line.back.includes(id)) return
    if (count >= MOST) {
      for (const one of lines.values()) forget(one)
      if (count >= MOST) return
    }
    line.back.push(id)
    count++
  }

  const attempt = async (line: Line, message: Message): Promise<void> => {
    const { id, key } = message
    const [first] = line.back
    if (first !== undefined && first !== id) {
      goesBack(line, id)
      throw new Error(`Work of key "${key}" that came earlier went back to the queue, and is done first`)
    }
    line.heard = clock.monotonic()
    try {
      await handle(message)
    } catch (error) {
      goesBack(line, id)
      throw error
    }
    if (line.back[0] === id) count -= line.back.splice(0, 1).length
  }

  return (message) => {
    const { key, delay = 0 } = message
    if (key === '' || delay > 0) return handle(message)
    const line = lineOf(key)
    const { last } = line
    const go = (): Promise<void> => attempt(line, message)
    const own = last === undefined ? go() : alone ? last.then(go, go) : last.then(go)
    line.last = own
    const over = (): void => {
      if (line.last !== own) return
      line.last = undefined
      if (line.back.length === 0) lines.delete(key)
    }
    own.then(over, over)
    return own
  }
}
