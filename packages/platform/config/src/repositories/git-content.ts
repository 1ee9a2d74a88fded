/** The files of settings of commits: lists of the last few, and as many files as memory may have. */
import { ConfigFault } from '../fault.ts'
import type { Git } from './git-program.ts'
import { isSettings, type Candidate, type RepositoryLimits, type SettingsFile } from './repository.ts'
import { parsedOnce } from './text.ts'

export type GitContent = {
  /** @throws {ConfigFault} */
  readonly read: (commit: string, candidates: readonly Candidate[]) => Promise<ReadonlyMap<string, SettingsFile>>
}

type Blob = { readonly id: string; readonly size: number }
type Held = { readonly size: number; readonly file: SettingsFile }

/** Commits whose lists of files are kept; bytes of such a list. */
const [MOST_COMMITS, MOST_LISTED] = [8, 32 * 1_048_576]

export function createGitContent(options: {
  readonly git: Git
  readonly limits: RepositoryLimits
  readonly nameOf: (path: string) => string
}): GitContent {
  const { git, limits, nameOf } = options
  const lists = new Map<string, Promise<ReadonlyMap<string, Blob>>>()
  /** By path and id: what is the same in two commits is read once. The one that was used last stands last. */
  const held = new Map<string, Held>()
  let bytes = 0

  const listed = (commit: string): Promise<ReadonlyMap<string, Blob>> => {
    const known = lists.get(commit)
    lists.delete(commit)
    const list = known ?? listOf(git, commit, limits)
    // What failed is tried again.
    if (known === undefined) list.catch(() => lists.delete(commit))
    lists.set(commit, list)
    if (lists.size > MOST_COMMITS) lists.delete(lists.keys().next().value!)
    return list
  }
  const hold = (key: string, one: Held): void => {
    held.set(key, one)
    bytes += one.size
    for (const [oldest, { size }] of held) {
      if (bytes <= limits.memory || oldest === key) return
      held.delete(oldest)
      bytes -= size
    }
  }
  return {
    read: async (commit, candidates) => {
      const list = await listed(commit)
      const found = new Map<string, SettingsFile>()
      const missing = new Map<string, Blob>()
      for (const { path } of candidates) {
        const blob = list.get(path)
        if (blob === undefined) continue
        if (blob.size > limits.file)
          throw new ConfigFault(500, `Cannot read "${path}": it has ${blob.size} bytes, and ${limits.file} may be`)
        const key = `${path}\0${blob.id}`
        const one = held.get(key)
        if (one === undefined) {
          missing.set(path, blob)
          continue
        }
        held.delete(key)
        held.set(key, one)
        found.set(path, one.file)
      }
      if (missing.size === 0) return found
      const read = await contentsOf(git, missing)
      for (const [path, content] of read) {
        const file = { name: nameOf(path), parsed: parsedOnce(content, path) }
        hold(`${path}\0${missing.get(path)!.id}`, { size: content.length, file })
        found.set(path, file)
      }
      return found
    },
  }
}

/** Links and other repositories inside are no settings. */
async function listOf(git: Git, commit: string, limits: RepositoryLimits): Promise<ReadonlyMap<string, Blob>> {
  const said = await git.run(['ls-tree', '-r', '-z', '--long', '--full-tree', commit], { most: MOST_LISTED }).catch(unreadable)
  const found = new Map<string, Blob>()
  for (const line of said.toString('utf8').split('\0')) {
    const [, id, size, path] = /^100\d{3} blob ([\da-f]+) +(\d+)\t(.+)$/s.exec(line) ?? []
    if (path === undefined || !isSettings(path)) continue
    if (found.size >= limits.files)
      throw new ConfigFault(500, `Cannot read the commit ${commit}: it has more than ${limits.files} files of settings`)
    found.set(path, { id: id!, size: Number(size) })
  }
  return found
}

/** One run for all of them: `<id> blob <size>`, a line end, the bytes, a line end. */
async function contentsOf(git: Git, blobs: ReadonlyMap<string, Blob>): Promise<ReadonlyMap<string, Buffer>> {
  const most = [...blobs.values()].reduce((sum, { size }) => sum + size + 256, 0)
  const input = [...blobs.values()].map(({ id }) => `${id}\n`).join('')
  const said = await git.run(['cat-file', '--batch'], { most, input }).catch(unreadable)
  const found = new Map<string, Buffer>()
  let at = 0
  for (const [path, { id, size }] of blobs) {
    const begin = said.indexOf(10, at) + 1
    if (said.toString('latin1', at, begin) !== `${id} blob ${size}\n`) return unreadable(new Error(`git did not give "${path}"`))
    found.set(path, said.subarray(begin, begin + size))
    at = begin + size + 1
  }
  return found
}

function unreadable(cause: unknown): never {
  throw new ConfigFault(503, 'Cannot read the Git repository now; the log of the server says why', { cause })
}
