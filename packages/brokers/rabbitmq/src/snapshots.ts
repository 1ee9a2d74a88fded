import type { Runtime } from 'dure/runtime'
import { bytesOfEntry, entriesOf, type SnapshotEntry } from './entries.ts'
import { CODE, COMMAND, text, u64 } from './frames.ts'
import type { Link } from './link.ts'
import { StreamError } from './stream-connection.ts'

/** What came of a log is written down in it from time to time, so that nobody has to read all of it, and the server need not keep it. */
export type Snapshots = {
  /** So many bytes have been read since. Whether one is due. */
  readonly isDue: (bytes: number) => boolean
  readonly write: (at: number, all: string) => Promise<void>
  /** A part of one has been read. */
  readonly seen: (offset: number, entry: SnapshotEntry) => void
  /** The last one; undefined: there is none yet. */
  readonly restore: () => Promise<{ readonly at: number; readonly all: string } | undefined>
}

/** Bytes of entries after which it is written. */
const AFTER = 4 * 1024 * 1024
const PART = 256 * 1024
/** Milliseconds that reading one may take. */
const READING = 10_000
/** Where to begin to read is kept beside the log, as a consumer's position, by whoever wrote it. */
const REFERENCE = text('snapshot')

export function createSnapshots(options: {
  readonly link: Link
  readonly stream: string
  readonly here: string
  readonly runtime: Runtime
}): Snapshots {
  const { link, stream, here, runtime } = options
  /** Those that are coming, by who writes them. */
  const coming = new Map<string, { readonly first: number; parts: number }>()
  let [since, limit, isWriting] = [0, AFTER, false]

  const placeOf = (): Promise<number | undefined> =>
    link.request(COMMAND.queryOffset, [REFERENCE, text(stream)]).then(
      (answer) => answer.i64(),
      (error: unknown) => {
        if (error instanceof StreamError && error.code === CODE.noOffset) return undefined
        throw error
      },
    )

  return {
    isDue: (bytes) => (since += bytes) > limit && !isWriting,
    write: async (at, all) => {
      isWriting = true
      const of = Math.ceil(all.length / PART)
      try {
        for (let part = 0; part < of; part++) {
          const piece = all.slice(part * PART, (part + 1) * PART)
          await link.append(stream, [bytesOfEntry({ do: 'snapshot', by: here, at, part, of, text: piece })])
        }
      } finally {
        isWriting = false
      }
    },
    seen: (offset, { by, part, of }) => {
      if (part === 0) coming.set(by, { first: offset, parts: 0 })
      const one = coming.get(by)
      if (one === undefined || ++one.parts !== of) return
      coming.delete(by)
      // Not all at once: whoever draws the lowest writes the next one.
      ;[since, limit] = [0, AFTER * (1 + runtime.random.number())]
      if (by === here) link.tell(COMMAND.storeOffset, [REFERENCE, text(stream), u64(one.first)])
    },
    restore: async () => {
      const from = await placeOf()
      if (from === undefined) return undefined
      const { promise, resolve, reject } = Promise.withResolvers<{ readonly at: number; readonly all: string }>()
      const parts: string[] = []
      let writer: string | undefined
      const reading = await link.read({
        ...{ stream, start: { offset: from }, credit: 4, ended: (why) => reject(new Error(why)) },
        came: (chunk, { more }) => {
          for (const { offset, entry } of entriesOf(chunk)) {
            if (offset < from || entry.do !== 'snapshot' || (writer ??= entry.by) !== entry.by) continue
            if (entry.part === parts.length) parts.push(entry.text)
            if (parts.length === entry.of) resolve({ at: entry.at, all: parts.join('') })
          }
          more(1)
        },
      })
      const late = runtime.timers.after(READING, () => reject(new Error(`no snapshot was read in ${READING} ms`)))
      try {
        return await promise
      } finally {
        late.cancel()
        reading.end()
      }
    },
  }
}
