import type { Message } from 'dure/contract'
import { decodeMessage } from 'dure/messaging/adapter'
import type { QueueRecord } from './events.ts'

/** Which messages of a batch are to be brought again. */
export type BatchAnswer = { readonly batchItemFailures: readonly { readonly itemIdentifier: string }[] }

/** An event in the JSON format of CloudEvents, or JSON of the type that its queue is called. */
export function messageOf({ messageId, body, attributes = {}, eventSourceARN = '' }: QueueRecord): Message {
  const { SentTimestamp: sent = '0', MessageGroupId: key } = attributes
  return decodeMessage('kafka', {
    topic: eventSourceARN.slice(eventSourceARN.lastIndexOf(':') + 1).replace(/\.fifo$/, ''),
    ...{ partition: 0, position: messageId, time: Number(sent), headers: [], data: body },
    ...(key !== undefined && { key }),
    ...(isCloudEvent(body) && { contentType: STRUCTURED }),
  })
}

const STRUCTURED = 'application/cloudevents+json'

function isCloudEvent(body: string): boolean {
  if (!body.includes('"specversion"')) return false
  try {
    return typeof (JSON.parse(body) as { readonly specversion?: unknown } | null)?.specversion === 'string'
  } catch {
    return false
  }
}

/**
 * Works on a batch: different keys side by side, one key in order. What failed is to come again, and with it what comes after it of its
 * key, and all that `left` leaves no time for. What had its effect is known again by its mark.
 */
export async function takeBatch(
  records: readonly QueueRecord[],
  work: {
    readonly take: (message: Message) => Promise<void>
    /** Milliseconds. */
    readonly left: () => number
    readonly inTime: (work: Promise<boolean>) => Promise<boolean>
    readonly failed: (record: QueueRecord, error: unknown) => void
  },
): Promise<BatchAnswer> {
  const messages = records.map((record) => ({ record, message: messageOf(record) }))
  const done = new Set<string>()
  const takeOne = async ({ record, message }: (typeof messages)[number]): Promise<boolean> => {
    if (work.left() <= 0) return false
    try {
      await work.take(message)
      return true
    } catch (error) {
      work.failed(record, error)
      return false
    }
  }
  const takeKey = async (ofKey: typeof messages): Promise<boolean> => {
    for (const one of ofKey) {
      if (!(await takeOne(one))) return false
      done.add(one.record.messageId)
    }
    return true
  }
  const byKey = Map.groupBy(messages, ({ record, message }) => record.attributes?.MessageGroupId ?? (message.key || message.id))
  // A message whose effect is committed a moment too late comes again for nothing, and is known.
  await Promise.all([...byKey.values()].map((ofKey) => work.inTime(takeKey(ofKey))))
  const again = records.filter(({ messageId }) => !done.has(messageId))
  return { batchItemFailures: again.map(({ messageId }) => ({ itemIdentifier: messageId })) }
}
