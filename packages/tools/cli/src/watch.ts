import { watch } from 'node:fs'
import { relative, resolve, sep } from 'node:path'

const SOURCES = /\.(?:[cm]?[jt]s|json|sql)$/
// Editors write a file in several steps, and a checkout writes many.
const DEBOUNCE = 120

/** Tells of changes to source files below a folder, once for a burst of them. */
export function watchSources(
  folder: string,
  options: { readonly ignore: readonly string[]; readonly onChange: (path: string) => void },
): { readonly close: () => void } {
  const ignored = options.ignore.map((path) => resolve(path) + sep)
  let timer: NodeJS.Timeout | undefined
  const watcher = watch(folder, { recursive: true }, (_event, name) => {
    if (name === null || !isSource(name)) return
    const path = resolve(folder, name)
    if (ignored.some((prefix) => path.startsWith(prefix))) return
    clearTimeout(timer)
    timer = setTimeout(() => options.onChange(relative(folder, path)), DEBOUNCE)
  })
  // A folder that goes away, or too many of them for the system: what runs goes on, unwatched.
  watcher.on('error', () => {})
  return {
    close: () => {
      clearTimeout(timer)
      watcher.close()
    },
  }
}

function isSource(name: string): boolean {
  const parts = name.split(sep)
  return SOURCES.test(name) && !parts.some((part) => part === 'node_modules' || part.startsWith('.'))
}
