import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import type { Entry } from './entry.ts'
import { MEDIA, type Descriptor, type Layout } from './layout.ts'
import { tarBytes } from './tar.ts'

export type LayerName = 'base' | 'dependencies' | 'packages' | 'application'

export type Layer = {
  readonly name: LayerName
  readonly blob: Descriptor
  /** Of the archive before it is compressed. */
  readonly diffId: string
  /** Whether it is the one of an earlier build, which was not read again. */
  readonly isReused: boolean
}

/** The byte of a gzip header that names the system it was made on (RFC 1952): 255 is "unknown". */
const OS_BYTE = 9
/** A file that was written so shortly before it was read, in milliseconds, may change once more and look the same. */
const UNSETTLED = 2_000

type Known = Readonly<Record<string, { readonly blob: Descriptor; readonly diffId: string }>>

/** Layers of earlier builds, by what the files they were made of looked like. */
export type LayerCache = {
  readonly get: (mark: string) => Pick<Layer, 'blob' | 'diffId'> | undefined
  readonly set: (mark: string, layer: Pick<Layer, 'blob' | 'diffId'>) => void
}

export function openLayerCache(file: string): LayerCache {
  let known: Known = {}
  try {
    if (existsSync(file)) known = JSON.parse(readFileSync(file, 'utf8')) as Known
  } catch {
    // It only saves work: what cannot be read is written anew.
  }
  return {
    get: (mark) => known[mark],
    set: (mark, { blob, diffId }) => {
      // The last few are enough: of both layers that are remembered, before and after a change.
      known = Object.fromEntries([
        ...Object.entries(known)
          .filter(([each]) => each !== mark)
          .slice(-7),
        [mark, { blob, diffId }],
      ])
      writeFileSync(file, JSON.stringify(known))
    },
  }
}

/** Writes a layer; one that was written before of the same files is taken as it is. @param now in milliseconds, when the files were looked at */
export async function writeLayer(options: {
  readonly name: LayerName
  readonly entries: readonly Entry[]
  readonly layout: Layout
  readonly cache?: LayerCache | undefined
  readonly now: number
}): Promise<Layer> {
  const { name, entries, layout, cache, now } = options
  const mark = cache && markOf(entries)
  const known = mark && cache?.get(mark)
  if (known && layout.has(known.blob)) return { name, ...known, isReused: true }
  const hash = createHash('sha256')
  const blob = await layout.putStream(MEDIA.layer, compressed(hashed(tarBytes(entries), hash)))
  const layer = { blob, diffId: `sha256:${hash.digest('hex')}` }
  if (mark && entries.every((entry) => isSettled(entry, now))) cache?.set(mark, layer)
  return { name, ...layer, isReused: false }
}

function* hashed(chunks: Iterable<Buffer>, hash: ReturnType<typeof createHash>): Generator<Buffer> {
  for (const chunk of chunks) {
    hash.update(chunk)
    yield chunk
  }
}

async function* compressed(chunks: Iterable<Buffer>): AsyncGenerator<Buffer> {
  const source = Readable.from(chunks, { objectMode: false })
  const gzip = createGzip({ level: 6 })
  source.on('error', (error) => gzip.destroy(error))
  let at = 0
  for await (const chunk of source.pipe(gzip) as AsyncIterable<Buffer>) {
    if (at <= OS_BYTE && at + chunk.length > OS_BYTE) chunk[OS_BYTE - at] = 255
    at += chunk.length
    yield chunk
  }
}

/** What a layer would be made of, without reading it. */
function markOf(entries: readonly Entry[]): string {
  const hash = createHash('sha256')
  for (const entry of entries)
    hash.update(
      JSON.stringify(
        entry.kind !== 'file'
          ? entry
          : [entry.path, entry.executable, entry.content instanceof Uint8Array ? [...entry.content] : entry.content],
      ),
    )
  return hash.digest('hex')
}

function isSettled(entry: Entry, now: number): boolean {
  if (entry.kind !== 'file' || entry.content instanceof Uint8Array) return true
  return now - entry.content.changed > UNSETTLED
}
