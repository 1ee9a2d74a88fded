import { watch } from 'node:fs'
import { relative, resolve, sep } from 'node:path'
import { realRuntime, type Timer } from 'dure/runtime'

const SOURCES = /\.(?:[cm]?[jt]s|json|sql)$/
// Editors write a file in several steps, and a checkout writes many.
const DEBOUNCE = 120

/** Tells of changes to source files below a folder, once for a burst of them; not of packages, builds and what is hidden. */
export function watchSources(
  root: string,
  options: { readonly ignore: readonly string[]; readonly onChange: (path: string) => void },
): { readonly close: () => void } {
  const ignored = options.ignore.map((path) => relative(root, resolve(path)))
  const ignore = (path: string): boolean =>
    ignored.some((one) => path === one || path.startsWith(`${one}${sep}`)) ||
    path.split(sep).some((part) => part === 'node_modules' || part === 'dist' || part.startsWith('.'))
  const { timers } = realRuntime()
  let timer: Timer | undefined
  const watcher = watch(root, { recursive: true, ignore }, (_event, path) => {
    if (path === null || ignore(path) || !SOURCES.test(path)) return
    timer?.cancel()
    timer = timers.after(DEBOUNCE, () => options.onChange(path))
  })
  // A folder that goes away: what runs goes on, unwatched.
  watcher.on('error', () => {})
  return {
    close: () => {
      timer?.cancel()
      watcher.close()
    },
  }
}
