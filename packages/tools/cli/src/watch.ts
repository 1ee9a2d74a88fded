import { readdirSync, watch, type FSWatcher } from 'node:fs'
import { join, relative, resolve } from 'node:path'

const SOURCES = /\.(?:[cm]?[jt]s|json|sql)$/
// Editors write a file in several steps, and a checkout writes many.
const DEBOUNCE = 120
// Each folder takes a handle of the system; a tree larger than this is watched in part.
const MOST_FOLDERS = 2_000

/**
 * Tells of changes to source files below a folder, once for a burst of them. Folder by folder rather than
 * with `recursive`, which on Linux walks through `node_modules` and past links out of the tree as well.
 */
export function watchSources(
  root: string,
  options: { readonly ignore: readonly string[]; readonly onChange: (path: string) => void },
): { readonly close: () => void } {
  const ignored = new Set(options.ignore.map((path) => resolve(path)))
  const watchers = new Map<string, FSWatcher>()
  let timer: NodeJS.Timeout | undefined

  const changed = (path: string): void => {
    clearTimeout(timer)
    timer = setTimeout(() => options.onChange(relative(root, path)), DEBOUNCE)
  }

  const forget = (folder: string): void => {
    watchers.get(folder)?.close()
    watchers.delete(folder)
  }

  const follow = (folder: string): void => {
    if (watchers.has(folder) || watchers.size >= MOST_FOLDERS) return
    try {
      const watcher = watch(folder, (_event, name) => {
        if (name === null) return
        const path = join(folder, name)
        if (SOURCES.test(name)) changed(path)
        // It may be a folder that has just come; if it is not, nothing happens.
        else if (isWatched(name, path)) follow(path)
      })
      // A folder that goes away: what runs goes on, unwatched.
      watcher.on('error', () => forget(folder))
      watchers.set(folder, watcher)
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name)
        if (entry.isDirectory() && isWatched(entry.name, path)) follow(path)
      }
    } catch {
      // Not a folder, or gone again.
      forget(folder)
    }
  }

  const isWatched = (name: string, path: string): boolean =>
    name !== 'node_modules' && name !== 'dist' && !name.startsWith('.') && !ignored.has(path)

  follow(root)
  return {
    close: () => {
      clearTimeout(timer)
      for (const watcher of watchers.values()) watcher.close()
    },
  }
}
