import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { CallError } from '../../contract/contract.ts'
import { makeFolder } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { readInstance } from '../read-instance.ts'
import type { Instance } from '../registry.ts'
import type { ProcessMark } from './process.ts'

/** What one file holds. */
export type Entry = Instance & ProcessMark

/** The folder of registered instances: one file each, written whole or not at all. */
export type Folder = {
  /** Those whose process lives, in the order of their file names; what the dead left behind is removed. */
  readonly read: () => readonly Entry[]
  readonly write: (entry: Entry) => void
  /** Writes it if it is not there. */
  readonly ensure: (entry: Entry) => void
  readonly remove: (entry: Entry) => void
}

const LARGEST_FILE = 64 * 1024
const DRAFT = /^\.(\d+)-(\d*)(?:-\d+)+$/

/** @throws {CallError} PERMISSION_DENIED when the folder cannot be made or read */
export function createFolder(options: {
  readonly path: string
  readonly alive: (mark: ProcessMark) => boolean
  readonly log: Logger
}): Folder {
  const { path, alive, log } = options
  try {
    makeFolder(path)
    // Who may write here decides where calls go.
    chmodSync(path, 0o700)
    readdirSync(path)
  } catch (cause) {
    throw new CallError(
      'PERMISSION_DENIED',
      `Cannot use the registry "${path}": ${(cause as Error).message}. To do: choose a data directory that this process may write`,
      { cause },
    )
  }
  // A file is written beside its name and then given it. By its time of modification it says which change it is: a count, for
  // the clock of a file system may stand between two changes, and an inode is soon used again.
  let read = new Map<string, { readonly mark: string; readonly entry: Entry | undefined }>()
  let drafts = 0

  const load = (name: string, size: bigint): Entry | undefined => {
    try {
      const file = join(path, name)
      if (size > LARGEST_FILE) throw new RangeError(`it is larger than ${LARGEST_FILE} bytes`)
      const entry = parseEntry(readFileSync(file, 'utf8'))
      if (fileName(entry) !== name) throw new TypeError('it is about something else than its name says')
      return entry
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        log.warn('Cannot read a file of the registry; it is left alone', { file: join(path, name), error: String(error) })
      }
      return undefined
    }
  }

  const write = (entry: Entry): void => {
    makeFolder(path)
    const draft = join(path, `.${entry.pid}-${entry.began}-${entry.thread ?? 0}-${drafts++}`)
    writeFileSync(draft, JSON.stringify(entry), { mode: 0o600 })
    utimesSync(draft, drafts, drafts)
    renameSync(draft, join(path, fileName(entry)))
  }

  const bury = (entry: Entry): void => {
    rmSync(join(path, fileName(entry)), { force: true })
    for (const address of Object.values(entry.endpoints)) if (address.kind === 'unix') rmSync(address.path, { force: true })
  }

  return {
    write,
    ensure: (entry) => {
      if (!existsSync(join(path, fileName(entry)))) write(entry)
    },
    remove: (entry) => rmSync(join(path, fileName(entry)), { force: true }),
    read: () => {
      const now: typeof read = new Map()
      const living: Entry[] = []
      for (const name of namesIn(path).toSorted()) {
        const draft = DRAFT.exec(name)
        if (draft !== null) {
          if (!alive({ pid: Number(draft[1]), began: draft[2]! })) rmSync(join(path, name), { force: true })
          continue
        }
        if (!name.endsWith('.json')) continue
        const stats = statSync(join(path, name), { bigint: true, throwIfNoEntry: false })
        // Taken away since the folder was listed.
        if (stats === undefined) continue
        const mark = `${stats.ino} ${stats.mtimeNs}`
        const known = read.get(name)
        const entry = known?.mark === mark ? known.entry : load(name, stats.size)
        if (entry !== undefined && !alive(entry)) {
          bury(entry)
          continue
        }
        now.set(name, { mark, entry })
        if (entry !== undefined) living.push(entry)
      }
      read = now
      return living
    },
  }
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

const fileName = ({ service, id }: Instance): string => `${encodeURIComponent(service)}@${encodeURIComponent(id)}.json`

/** @throws {TypeError} when the text is no entry */
function parseEntry(text: string): Entry {
  const entry = JSON.parse(text) as Partial<Entry> | null
  const { pid, began, thread } = entry ?? {}
  if (typeof began !== 'string' || !Number.isInteger(pid) || pid! <= 0 || !(thread === undefined || Number.isInteger(thread)))
    throw new TypeError('it does not say whose it is')
  return { ...readInstance(entry), pid: pid!, began, ...(thread !== undefined && { thread }) }
}
