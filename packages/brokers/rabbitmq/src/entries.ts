import { readAmqpMessage, writeAmqpMessage } from 'dure/messaging/adapter'
import type { Chunk } from './chunks.ts'
import { parse, type Change } from './state.ts'

/** Messages that a process has in hand, by queue. */
export type Hands = Readonly<Record<string, number>>

/** What stands in the log: what is to be changed, with who wrote it, and a number that names it there. */
export type ChangeEntry = Change & { readonly by: string; readonly n: number; readonly hands?: Hands; readonly asks?: true }

/** A part of what came of all entries up to one. */
export type SnapshotEntry = {
  readonly do: 'snapshot'
  readonly by: string
  readonly at: number
  readonly part: number
  readonly of: number
  readonly text: string
}

export type Entry = ChangeEntry | SnapshotEntry

export const bytesOfEntry = (entry: Entry): Buffer => writeAmqpMessage([], 'application/json', JSON.stringify(entry))

/** The entries of a chunk. What others write into the log is none of ours. */
export function entriesOf({
  first,
  messages,
}: Chunk): readonly { readonly offset: number; readonly size: number; readonly entry: Entry }[] {
  return messages.flatMap((message, at) => {
    const entry = typeof message === 'string' ? undefined : entryOf(message)
    return entry === undefined ? [] : [{ offset: first + at, size: message.length, entry }]
  })
}

function entryOf(message: Buffer): Entry | undefined {
  try {
    const entry = parse(String(readAmqpMessage(message).data)) as Entry
    return typeof entry === 'object' && entry !== null && typeof entry.by === 'string' ? entry : undefined
  } catch {
    return undefined
  }
}
