/** Settings in a folder: looked at when they are asked for, and taken only as a whole that did not change while it was read. */
import { createHash } from 'node:crypto'
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { sharedRun } from 'dure/runtime/internal'
import { ConfigFault } from '../fault.ts'
import { isSettings, type OpenRepository, type Revision, type SettingsFile } from './repository.ts'
import { parsedOnce } from './text.ts'

type Stamped = { readonly path: string; readonly size: number; readonly stamp: string }
type Held = { readonly stamp: string; readonly hash: string; readonly file: SettingsFile }

/** Looks before a folder that changes all the time is said to do so; milliseconds between them; folders in each other. */
const [LOOKS, PAUSE, MOST_DEPTH] = [20, 25, 16]

/**
 * The files of a folder as the repository of a configuration server; a label is a folder in it, which goes before the rest.
 *
 * @example
 * ```ts
 * import { folderRepository, startConfigServer } from '@dure/config-server'
 * import { mkdirSync, writeFileSync } from 'node:fs'
 * import { silentLogger } from 'dure/telemetry'
 *
 * mkdirSync('settings', { recursive: true })
 * writeFileSync('settings/orders.yml', 'payment: { timeout: 500 }')
 * const repository = folderRepository('settings')
 * const server = await startConfigServer({ repository, directory: '.config-server', port: 0, log: silentLogger() })
 * console.log(await (await fetch(`${server.url}/orders-default.properties`)).text()) // → payment.timeout: 500
 * await server.stop()
 * ```
 */
export function folderRepository(folder: string): OpenRepository {
  return async ({ limits, runtime: { timers } }) => {
    let held: ReadonlyMap<string, Held> = new Map()

    const look = async (): Promise<Revision> => {
      let before = await stamps(folder, limits)
      for (let looks = 0; looks < LOOKS; looks++) {
        const now = await readAll(before, held)
        const after = await stamps(folder, limits)
        if (now !== undefined && same(before, after)) {
          held = now
          return revisionOf(now)
        }
        before = after
        await timers.sleep(PAUSE)
      }
      throw new ConfigFault(
        503,
        `Cannot read the settings in "${folder}": they change all the time; replace files by renaming new ones`,
      )
    }
    const shared = sharedRun(look)
    await stamps(folder, limits)
    return { at: shared, refresh: async () => {}, stop: async () => {} }
  }
}

function revisionOf(held: ReadonlyMap<string, Held>): Revision {
  const hash = createHash('sha256')
  for (const [path, { hash: each }] of [...held].toSorted(([one], [other]) => (one < other ? -1 : 1)))
    hash.update(`${path}\0${each}\0`)
  return {
    version: hash.digest('hex').slice(0, 40),
    folders: ['', '{label}/'],
    read: async (candidates) =>
      new Map(
        candidates.flatMap(({ path }) => {
          const found = held.get(path)
          return found === undefined ? [] : [[path, found.file] as const]
        }),
      ),
  }
}

/** Undefined when one of them is gone, or is another one by now. */
async function readAll(
  all: ReadonlyMap<string, Stamped>,
  held: ReadonlyMap<string, Held>,
): Promise<ReadonlyMap<string, Held> | undefined> {
  const now = new Map<string, Held>()
  for (const [name, { path, size, stamp }] of all) {
    const before = held.get(name)
    if (before?.stamp === stamp) {
      now.set(name, before)
      continue
    }
    const bytes = await readFile(path).catch(() => undefined)
    if (bytes === undefined || bytes.length !== size) return undefined
    const hash = createHash('sha256').update(bytes).digest('hex')
    now.set(name, { stamp, hash, file: { name: `file:${path}`, parsed: parsedOnce(bytes, name) } })
  }
  return now
}

function same(one: ReadonlyMap<string, Stamped>, other: ReadonlyMap<string, Stamped>): boolean {
  return (
    one.size === other.size &&
    [...one].every(([name, { path, stamp }]) => other.get(name)?.stamp === stamp && other.get(name)?.path === path)
  )
}

/** Files of settings below a folder, by their paths from it. @throws {ConfigFault} */
async function stamps(
  folder: string,
  limits: { readonly file: number; readonly files: number; readonly memory: number },
): Promise<ReadonlyMap<string, Stamped>> {
  // A mount of Kubernetes is swapped as a whole: all files are read where it led to at the beginning.
  const root = await realpath(join(folder, '..data')).catch(() => realpath(folder).catch(() => undefined))
  if (root === undefined) throw new ConfigFault(503, `Cannot read the settings in "${folder}": there is no such folder`)
  const found = new Map<string, Stamped>()
  let total = 0
  const walk = async (inside: string, depth: number): Promise<void> => {
    const entries = await readdir(join(root, inside), { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      // Git's own files, and what an editor puts beside a file.
      if (entry.name.startsWith('.')) continue
      const name = inside === '' ? entry.name : `${inside}/${entry.name}`
      if (entry.isDirectory()) {
        if (depth < MOST_DEPTH) await walk(name, depth + 1)
        continue
      }
      if (!entry.isFile() || !isSettings(name)) continue
      const path = join(root, name)
      const status = await stat(path, { bigint: true }).catch(() => undefined)
      if (status === undefined) continue
      const size = Number(status.size)
      total += size
      if (size > limits.file) throw new ConfigFault(500, `Cannot read "${name}": it has ${size} bytes, and ${limits.file} may be`)
      if (found.size >= limits.files || total > limits.memory)
        throw new ConfigFault(
          500,
          `Cannot read the settings in "${folder}": there are more than ${limits.files} files or ${limits.memory} bytes`,
        )
      found.set(name, { path, size, stamp: `${status.ino}.${status.mtimeNs}.${status.ctimeNs}.${size}` })
    }
  }
  await walk('', 0)
  return found
}
