import type { Message } from 'dure/contract'

/** An entry of a stream, as the server says it. */
export type Entry = readonly [id: Buffer, fields: readonly Buffer[]]

/** The values of an entry for a message. */
export function fieldsOf(message: Message): readonly string[] {
  return ['message', JSON.stringify(message)]
}

export function messageOf(place: { readonly topic: string; readonly partition: number }, [, fields]: Entry): Message {
  void place
  const message = JSON.parse(String(fields[1])) as Message
  return { ...message, causationId: message.causationId, traceparent: message.traceparent }
}

/** Milliseconds since the epoch when an entry came, by the server's clock. */
export function timeOf(id: string): number {
  return Number(id.slice(0, id.indexOf('-')))
}

/** A name as part of a key: readable where it may be, and without what separates the parts. */
export function keyPart(name: string): string {
  return encodeURIComponent(name)
}

/** Messages for one call of the server each: so many that an answer is soon there, and none is too large. */
export function chunksOf<Value extends { readonly values: readonly (string | number)[]; readonly size: number }>(
  all: readonly Value[],
): readonly (readonly Value[])[] {
  const chunks: Value[][] = []
  let size = 0
  for (const one of all) {
    const last = chunks.at(-1)
    if (last === undefined || last.length === 500 || size + one.size > 1024 * 1024) {
      chunks.push([one])
      size = one.size
    } else {
      last.push(one)
      size += one.size
    }
  }
  return chunks
}
