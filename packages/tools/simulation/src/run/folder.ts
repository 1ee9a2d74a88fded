import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { markOf } from 'dure/discovery/internal'

/** The disk of simulated machines: a folder in memory, where the system has such a thing. */
export type Folder = {
  readonly path: string
  /** Empties it and puts these files there. */
  readonly reset: (files: ReadonlyMap<string, Uint8Array>) => void
  readonly files: () => ReadonlyMap<string, Uint8Array>
  readonly remove: () => void
}

const MEMORY = '/dev/shm'
const NAME = /^dure-simulation-(\d+)-/

/** @param parent where it is made; default: memory, where there is such a folder */
export function makeFolder(parent: string = existsSync(MEMORY) ? MEMORY : tmpdir()): Folder {
  sweep(parent)
  const path = mkdtempSync(join(parent, `dure-simulation-${process.pid}-`))
  return {
    path,
    reset: (files) => {
      for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true })
      for (const [name, bytes] of files) writeFileSync(join(path, name), bytes)
    },
    files: () => {
      const found = new Map<string, Uint8Array>()
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        if (entry.isFile() && entry.name.endsWith('.db')) found.set(entry.name, readFileSync(join(path, entry.name)))
      }
      return found
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}

/** Whoever was killed could not tidy up, and what is left takes memory. */
function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    const [, pid] = NAME.exec(name) ?? []
    if (pid !== undefined && markOf(Number(pid)) === undefined) rmSync(join(parent, name), { recursive: true, force: true })
  }
}

let shared: Folder | undefined

/** This thread's folder, removed when the process ends. */
export function threadFolder(): Folder {
  if (shared === undefined) {
    mkdirSync(tmpdir(), { recursive: true })
    const made = makeFolder()
    process.once('exit', made.remove)
    shared = made
  }
  return shared
}
