import type { Message } from 'dure/contract'
import type { Connection } from './connection.ts'
import { fieldsOf } from './entries.ts'
import { APPEND } from './scripts/topics.ts'

/** Appends messages to a topic or queue, in order, one call after the other: when one is refused, none that follows is there. */
export type Append = (request: {
  readonly action: string
  readonly key: string
  /** Of a topic: how many it is thought to have. */
  readonly partitions: number | ''
  readonly messages: readonly Message[]
  /** What the key of a message's stream ends in. */
  readonly suffixOf: (message: Message) => string
}) => Promise<void>

/** Messages, and bytes of their data, of one call, which is taken whole: so many that its answer is soon there. */
const [CALL, CALL_BYTES] = [500, 1024 * 1024]
/** Bytes on their way at once; who comes later waits for its turn. */
const MOST_BYTES = 32 * 1024 * 1024

export function createAppend(connection: Connection): Append {
  let onTheirWay = 0
  const turns: (() => void)[] = []

  const call = async (action: string, key: string, values: readonly (string | number)[], size: number): Promise<void> => {
    if (turns.length > 0 || (onTheirWay > 0 && onTheirWay + size > MOST_BYTES))
      await new Promise<void>((resolve) => turns.push(resolve))
    onTheirWay += size
    try {
      await connection.run(action, APPEND, [key], values)
    } finally {
      onTheirWay -= size
      if (onTheirWay < MOST_BYTES) turns.shift()?.()
    }
  }

  return async ({ action, key, partitions, messages, suffixOf }) => {
    let values: (string | number)[] = [partitions]
    let [count, size] = [0, 0]
    for (const message of messages) {
      if (count === CALL || (count > 0 && size + message.data.length > CALL_BYTES)) {
        await call(action, key, values, size)
        ;[values, count, size] = [[partitions], 0, 0]
      }
      const fields = fieldsOf(message)
      values.push(suffixOf(message), fields.length, ...fields)
      count++
      size += message.data.length
    }
    await call(action, key, values, size)
  }
}
