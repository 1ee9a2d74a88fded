import type { Entry } from './entry.ts'
import { readFound } from './files.ts'

const BLOCK = 512
const TYPES = { file: '0', link: '2', directory: '5', pax: 'x' } as const
const ASCII = /^[\x20-\x7e]*$/

/**
 * The bytes of a tar archive (POSIX.1-2001, ustar with extended headers where a name needs one), the same for the same entries
 * wherever it is made: entries in the order of their paths, each directory before what is in it, whether it was named or not.
 * @throws {DeployError} when a file is no longer what was found
 */
export function* tarBytes(entries: readonly Entry[]): Generator<Buffer> {
  for (const entry of withFolders(entries)) {
    yield* headersOf(entry)
    if (entry.kind !== 'file') continue
    if (entry.content instanceof Uint8Array) yield Buffer.from(entry.content)
    else yield* readFound(entry.content)
    const rest = sizeOf(entry) % BLOCK
    if (rest > 0) yield Buffer.alloc(BLOCK - rest)
  }
  yield Buffer.alloc(2 * BLOCK)
}

function withFolders(entries: readonly Entry[]): readonly Entry[] {
  const all = new Map(entries.map((entry) => [entry.path, entry]))
  for (const { path } of entries)
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const folder = path.slice(0, end)
      if (!all.has(folder)) all.set(folder, { kind: 'directory', path: folder })
    }
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

function sizeOf(entry: Entry): number {
  return entry.kind === 'file' ? (entry.content instanceof Uint8Array ? entry.content.length : entry.content.size) : 0
}

function* headersOf(entry: Entry): Generator<Buffer> {
  const path = entry.kind === 'directory' ? `${entry.path}/` : entry.path
  const target = entry.kind === 'link' ? entry.target : ''
  const records = [...record('path', path), ...record('linkpath', target)]
  if (records.length > 0) {
    const content = Buffer.from(records.join(''))
    yield header({ path: 'pax', mode: 0o644, size: content.length, type: TYPES.pax })
    yield content
    if (content.length % BLOCK > 0) yield Buffer.alloc(BLOCK - (content.length % BLOCK))
  }
  yield header({ path, target, mode: modeOf(entry), size: sizeOf(entry), type: TYPES[entry.kind], owner: ownerOf(entry) })
}

/** As version control knows modes: it runs or it does not. */
function modeOf(entry: Entry): number {
  if (entry.kind === 'link') return 0o777
  if (entry.kind === 'directory') return entry.mode ?? 0o755
  return entry.executable === true ? 0o755 : 0o644
}

const ownerOf = (entry: Entry): number => (entry.kind === 'directory' ? (entry.owner ?? 0) : 0)

/** An extended header's record, for what the 100 bytes of the header do not hold. Its length counts its own digits. */
function record(key: string, value: string): readonly string[] {
  if (ASCII.test(value) && value.length <= 100) return []
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest + String(rest).length
  if (rest + String(length).length !== length) length++
  return [`${length} ${key}=${value}\n`]
}

function header(of: {
  readonly path: string
  readonly target?: string
  readonly mode: number
  readonly size: number
  readonly type: string
  readonly owner?: number
}): Buffer {
  const block = Buffer.alloc(BLOCK)
  const octal = (value: number, at: number, length: number): void =>
    void block.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1')
  const text = (value: string, at: number): void =>
    void block.write(ASCII.test(value) ? value.slice(0, 100) : 'pax', at, 'latin1')
  text(of.path, 0)
  octal(of.mode, 100, 8)
  octal(of.owner ?? 0, 108, 8)
  octal(of.owner ?? 0, 116, 8)
  octal(of.size, 124, 12)
  octal(0, 136, 12)
  block.write(' '.repeat(8), 148, 'latin1')
  block.write(of.type, 156, 'latin1')
  text(of.target ?? '', 157)
  block.write('ustar\u{0}00', 257, 'latin1')
  octal(0, 329, 8)
  octal(0, 337, 8)
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  )
  return block
}
