import { watch } from 'node:fs'
import { dirname, relative, resolve, sep } from 'node:path'
import { realRuntime, type Timer } from 'dure/runtime'

const SOURCES = /\.(?:[cm]?[jt]sx?|json|sql|wasm|node)$/
// Editors write a file in several steps, and a checkout writes many.
const DEBOUNCE = 60
/** Folders outside the root that are followed; what is imported from more of them is not. */
const MOST_FOLDERS = 500

export type SourceWatcher = {
  /** Follows the folders of these files too, where they are not below the root. */
  readonly follow: (files: readonly string[]) => void
  readonly close: () => void
}

/** Tells of changes to source files below a folder, once for a burst of them; not of packages, builds and what is hidden. */
export function watchSources(
  root: string,
  options: {
    readonly ignore: readonly string[]
    /** Whether a file counts, by its full path. */
    readonly concerns?: (path: string) => boolean
    readonly onChange: (path: string) => void
  },
): SourceWatcher {
  const { concerns = () => true, onChange } = options
  const ignored = options.ignore.map((path) => relative(root, resolve(path)))
  const ignore = (path: string): boolean =>
    ignored.some((one) => path === one || path.startsWith(`${one}${sep}`)) ||
    path.split(sep).some((part) => part === 'node_modules' || part === 'dist' || part.startsWith('.'))
  const { timers } = realRuntime()
  let timer: Timer | undefined
  const changed = (path: string): void => {
    if (!SOURCES.test(path) || !concerns(path)) return
    timer?.cancel()
    timer = timers.after(DEBOUNCE, () => onChange(relative(root, path)))
  }
  const below = watch(root, { recursive: true, ignore }, (_event, path) => {
    if (path !== null && !ignore(path)) changed(resolve(root, path))
  })
  const watchers = new Map([[root, below]])
  // A folder that goes away: what runs goes on, unwatched.
  below.on('error', () => {})
  return {
    follow: (files) => {
      for (const folder of new Set(files.map((file) => dirname(file)))) {
        const path = relative(root, folder)
        const isBelow = !path.startsWith('..') && path !== folder && !ignore(path)
        if (isBelow || watchers.has(folder) || watchers.size > MOST_FOLDERS) continue
        try {
          const watcher = watch(folder, (_event, name) => void (name !== null && changed(resolve(folder, name))))
          watchers.set(
            folder,
            watcher.on('error', () => {}),
          )
        } catch {
          // A file that was meant, in a folder that is not there.
        }
      }
    },
    close: () => {
      timer?.cancel()
      for (const watcher of watchers.values()) watcher.close()
    },
  }
}
