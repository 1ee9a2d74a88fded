import {
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  type BigIntStats,
} from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { DeployError } from '../errors.ts'
import type { Entry, FoundFile } from './entry.ts'

const CHUNK = 1 << 20
/** What the header of an archive can say. */
const LARGEST = 8 * 1024 ** 3 - 1
const SETID = 0o6000n

export type Collected = {
  /** Where it is, in full. */
  readonly folder: string
  /** Where it is to stand in the image. */
  readonly into: string
  /** No link may lead out of here. */
  readonly root: string
  /** By the path from `folder` on, with slashes: whether to leave it, and what is below it, out. */
  readonly without: (path: string) => boolean
}

/**
 * The files and links below a folder. Modes come down to "runs" and "does not run".
 * @throws {DeployError} for what may not be in an image: setuid, a socket, a link that leads out or nowhere, a name that is not text
 */
export function collect(options: Collected): readonly Entry[] {
  const entries: Entry[] = []
  const visit = (path: string): void => {
    for (const name of namesIn(join(options.folder, path))) {
      const at = path === '' ? name : `${path}/${name}`
      if (options.without(at)) continue
      const entry = entryAt(options, at)
      if (entry === 'folder') visit(at)
      else entries.push(entry)
    }
  }
  const whole = entryOf({ ...options, source: options.folder, path: options.into })
  if (whole === 'folder') visit('')
  else entries.push(whole)
  return entries
}

function entryAt(options: Collected, at: string): Entry | 'folder' {
  return entryOf({ ...options, source: join(options.folder, at), path: join(options.into, at).split(sep).join('/') })
}

function entryOf({
  source,
  path,
  root,
  folder,
}: Collected & { readonly source: string; readonly path: string }): Entry | 'folder' {
  const refuse = (why: string): never => {
    throw new DeployError('FILE', `Cannot put "${relative(root, source)}" into the image: ${why}`)
  }
  if (source.includes('\u{fffd}')) refuse('its name is not UTF-8; rename it')
  const stat = attempt(source, () => lstatSync(source, { bigint: true }))
  if (stat.isDirectory()) return 'folder'
  if (stat.isSymbolicLink()) {
    const target = attempt(source, () => readlinkSync(source))
    const end = resolve(dirname(source), target)
    if (!isWithin(root, end)) refuse(`it is a link to "${target}", which leads out of "${root}"; put the file itself there`)
    const real = attempt(source, () => realpathSync(source), `it is a link to "${target}", which leads nowhere; remove it`)
    if (!isWithin(root, real)) refuse(`it is a link that leads to "${real}", out of "${root}"; put the file itself there`)
    return { kind: 'link', path, target: relative(dirname(source), end).split(sep).join('/') }
  }
  if (!stat.isFile())
    refuse('it is no file but a socket, pipe or device; remove it, or leave it out with "files" in package.json')
  if ((stat.mode & SETID) !== 0n)
    refuse(`it has the setuid or setgid bit; run: chmod ug-s "${relative(folder, source) || source}"`)
  if (stat.size > LARGEST) refuse('it is larger than 8 GB; mount it as a volume instead')
  const content = { source, size: Number(stat.size), mark: markOf(stat), changed: Number(stat.ctimeMs) }
  return { kind: 'file', path, executable: (stat.mode & 0o111n) !== 0n, content }
}

/**
 * What a file is read to.
 * @throws {DeployError} when it changed since it was found, or changes while it is read
 */
export function* readFound({ source, size, mark }: FoundFile): Generator<Buffer> {
  const file = attempt(source, () => openSync(source, 'r'))
  try {
    const same = (): void => {
      if (markOf(fstatSync(file, { bigint: true })) === mark) return
      throw new DeployError(
        'FILE',
        `Cannot put "${source}" into the image: it changed while it was read; build again when nobody writes`,
      )
    }
    same()
    for (let at = 0; at < size;) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, size - at))
      const read = attempt(source, () => readSync(file, chunk, 0, chunk.length, at))
      if (read === 0) break
      at += read
      yield chunk.subarray(0, read)
    }
    same()
  } finally {
    closeSync(file)
  }
}

/** Another mark is another content, or may be. */
function markOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':')
}

function namesIn(folder: string): readonly string[] {
  return attempt(folder, () => readdirSync(folder))
}

export function isWithin(root: string, path: string): boolean {
  const way = relative(root, path)
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way))
}

function attempt<T>(path: string, work: () => T, otherwise?: string): T {
  try {
    return work()
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const why =
      otherwise ??
      (code === 'EACCES' || code === 'EPERM'
        ? 'this user may not read it; give the right, or leave it out with "files" in package.json'
        : code === 'ENOENT'
          ? 'it went away while the image was built; build again when nobody writes'
          : message)
    throw new DeployError('FILE', `Cannot put "${path}" into the image: ${why}`, { cause })
  }
}
