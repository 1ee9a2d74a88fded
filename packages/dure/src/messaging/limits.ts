import { BYTES, COUNT, COUNT_OR_NONE, KEEP, wrongNumbers, type Range, type Ranges } from '../runtime/internal.ts'
import type { FindOptions } from './found.ts'
import type { ReceiveOptions } from './queues.ts'
import type { BrowseOptions, SubscribeOptions, TopicOptions } from './topics.ts'
import { CallError, type Message, type Retention } from '../contract/contract.ts'
import { MESSAGE_LIMITS, wrongOf } from '../contract/internal.ts'

/**
 * Refuses messages that could not arrive as they were sent.
 * @throws {CallError} INVALID_ARGUMENT; `details.index` and `details.id` name the first bad message
 */
export function checkMessages(messages: readonly Message[]): void {
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index]!
    const wrong = wrongOf(message)
    if (wrong === undefined) continue
    throw new CallError(
      'INVALID_ARGUMENT',
      `Cannot publish message "${short(message.id)}" of "${short(message.type)}": ${wrong}`,
      {
        details: { index, id: short(message.id) },
      },
    )
  }
}

const TIME: Range = { least: -Number.MAX_SAFE_INTEGER, most: Number.MAX_SAFE_INTEGER, unit: 'milliseconds' }
const POSITION: Range = { least: 0, most: Number.MAX_SAFE_INTEGER, whole: true }
/**
 * What the numbers of each of the broker's operations may be, on every broker.
 *
 * @example
 * ```ts
 * import { BROKER_NUMBERS } from 'dure/messaging/adapter'
 *
 * console.log(BROKER_NUMBERS.topic.partitions?.most) // → 1024
 * ```
 */
export const BROKER_NUMBERS: {
  readonly topic: Ranges<TopicOptions>
  readonly retention: Ranges<Retention>
  readonly subscribe: Ranges<SubscribeOptions>
  readonly receive: Ranges<ReceiveOptions>
  readonly browse: Ranges<BrowseOptions>
  readonly find: Ranges<Pick<FindOptions, 'limit' | 'bytes' | 'timeout' | 'since' | 'until'>>
  readonly time: Ranges<{ readonly time?: number }>
  readonly page: Ranges<{ readonly limit?: number | undefined }>
} = {
  topic: { partitions: { ...COUNT, most: 1_024 } },
  retention: { ms: { ...KEEP, endless: true }, bytes: { ...BYTES, endless: true } },
  subscribe: { batch: COUNT },
  receive: { concurrency: COUNT },
  browse: { partition: POSITION, limit: COUNT_OR_NONE },
  page: { limit: COUNT },
  find: {
    limit: { ...COUNT, most: 10_000 },
    bytes: { ...BYTES, most: 8 * 1024 * 1024 },
    timeout: { least: 1, most: 20_000, unit: 'milliseconds' },
    since: TIME,
    until: TIME,
  },
  time: { time: TIME },
}

/**
 * Refuses options with numbers that cannot be used.
 * @throws {CallError} INVALID_ARGUMENT
 */
export function checkOptions<T extends object>(action: string, options: T, ranges: Ranges<T>): void {
  const wrong = wrongNumbers(options, ranges)
  if (wrong !== undefined) throw new CallError('INVALID_ARGUMENT', `Cannot ${action}: ${wrong}`)
}

/**
 * Refuses a name that is empty, too long or not well-formed.
 * @throws {CallError} INVALID_ARGUMENT
 */
export function checkName(what: 'topic' | 'queue' | 'group', name: string): void {
  if (name.length > 0 && name.length <= MESSAGE_LIMITS.name && name.isWellFormed() && !name.includes('\0')) return
  throw new CallError(
    'INVALID_ARGUMENT',
    `Cannot use "${short(name)}" as the name of a ${what}: it needs 1 to ${MESSAGE_LIMITS.name} characters of well-formed text without NUL`,
  )
}

function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80).toWellFormed()}…` : text.toWellFormed()
}
