import { CallError, type Message } from '../../../contract/contract.ts'
import { attributesFrom, attributesText, headerSize } from '../../../contract/internal.ts'
import { unless, type Part } from './parts.ts'

/**
 * Messages as they travel between a broker's process and its clients: one flat list of fields, twelve for each
 * message. A list of objects would be looked at key by key at every step of the way; this is several times faster.
 */
export type Pack = readonly (string | number | null)[]

/** One message of a pack with what goes with it: its position when delivered, its delay when sent. */
export type Packed = { readonly message: Message; readonly extra: string | number }

const FIELDS = 12

export const packPart: Part<Pack> = {
  json: {
    type: 'array',
    items: { type: ['string', 'number', 'null'] },
    description:
      'For each message: position or delay, time, schemaVersion, id, source, type, key, correlationId, causationId or null, traceparent or null, data, other attributes or null',
  },
  wrong: (value) => {
    if (!Array.isArray(value) || value.length % FIELDS !== 0) return unless(false, `a list of ${FIELDS} fields a message`)
    for (let i = 0; i < value.length; i++) {
      if (!fits(value[i], i % FIELDS)) return { path: [i], message: 'Expected the field of a message' }
    }
    return undefined
  },
}

function fits(value: unknown, place: number): boolean {
  if (place < 3) return typeof value === 'number' || (place === 0 && typeof value === 'string')
  return typeof value === 'string' || (value === null && (place === 8 || place === 9 || place === 11))
}

/** Adds one message to a pack under way. */
export function pack(into: (string | number | null)[], message: Message, extra: string | number): void {
  into.push(
    extra,
    message.time,
    message.schemaVersion,
    message.id,
    message.source,
    message.type,
    message.key,
    message.correlationId,
    message.causationId ?? null,
    message.traceparent ?? null,
    message.data,
    attributesText(message),
  )
}

export function unpack(from: Pack): Packed[] {
  const found: Packed[] = []
  for (let i = 0; i < from.length; i += FIELDS) {
    found.push({
      extra: from[i] as string | number,
      message: {
        id: from[i + 3] as string,
        source: from[i + 4] as string,
        type: from[i + 5] as string,
        key: from[i + 6] as string,
        time: from[i + 1] as number,
        schemaVersion: from[i + 2] as number,
        correlationId: from[i + 7] as string,
        causationId: (from[i + 8] as string | null) ?? undefined,
        traceparent: (from[i + 9] as string | null) ?? undefined,
        data: from[i + 10] as string,
        ...attributesFrom(from[i + 11]),
      },
    })
  }
  return found
}

export function packOne(message: Message): Pack {
  const into: (string | number | null)[] = []
  pack(into, message, message.delay ?? 0)
  return into
}

/** A message of a queue, with what its receiver waits for it. */
export function delayed({ message, extra }: Packed): Message {
  return typeof extra === 'number' && extra > 0 ? { ...message, delay: extra } : message
}

/** @throws {CallError} INTERNAL when there is none */
export function unpackOne(from: Pack): Message {
  const [first] = unpack(from)
  if (first === undefined) throw new CallError('INTERNAL', 'The broker sent a batch that has to hold one message and holds none')
  return delayed(first)
}

/** UTF-16 units that may go in one call or one batch; a message that is larger goes alone. */
export const BATCH_SIZE: number = 256 * 1024
/** Messages that may. */
const MOST = 2000

/** The same in order, in parts that are not too large to travel. */
export function inParts<T>(
  all: readonly T[],
  messageOf: (one: T) => Message,
  largest: number = BATCH_SIZE,
): readonly (readonly T[])[] {
  const parts: T[][] = []
  let size = Number.POSITIVE_INFINITY
  for (const one of all) {
    const own = sizeOf(messageOf(one))
    const last = parts.at(-1)
    if (last === undefined || size + own > largest || last.length >= MOST) {
      parts.push([one])
      size = own
    } else {
      last.push(one)
      size += own
    }
  }
  return parts
}

/** UTF-16 units of a message, about. */
export function sizeOf(message: Message): number {
  return message.data.length + headerSize(message) + message.key.length + 200
}
