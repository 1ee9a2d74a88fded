import { createRequire, type LoadFnOutput, registerHooks, type ResolveFnOutput, stripTypeScriptTypes } from 'node:module'

/** What a module exports, by name. */
export type Exports = Readonly<Record<string, unknown>>

/** Part of the URL of a module that was loaded anew: so the same file is another module, with a memory of its own. */
const MARK = '?dure-load='
/** The simulator's own folder: its modules, like those of packages, are there once. */
const OWN = new URL('../', import.meta.url).href
const { cache } = createRequire(import.meta.url)

let loads = 0
let modules = 0

/**
 * Loads a file and whatever it imports of the user's own files anew: what they keep in memory begins again. Installed
 * packages stay as they are. Node never lets go of a module, so a thread can do this only so many times (`modulesLoaded`).
 */
export async function importFresh(url: string): Promise<Exports> {
  install()
  for (const path of Object.keys(cache)) if (!isInstalled(path)) delete cache[path]
  return (await import(`${url}${MARK}${++loads}`)) as Exports
}

/** Modules that were loaded anew in this thread: each takes about 16 kB for ever. */
export function modulesLoaded(): number {
  return modules
}

/** A text that names modules as if they had been loaded in the ordinary way: the same in every run. */
export function withoutMarks(text: string): string {
  return text.replaceAll(/\?dure-load=\d+/g, '')
}

const isInstalled = (path: string): boolean => /[\\/]node_modules[\\/]/.test(path)
const isLibrary = (specifier: string): boolean => /^(?:dure|@dure)(?:\/|$)/.test(specifier)

let installed = false

function install(): void {
  if (installed) return
  installed = true
  const resolved = new Map<string, ResolveFnOutput & { readonly own: boolean }>()
  const sources = new Map<string, LoadFnOutput>()
  registerHooks({
    resolve: (specifier, context, next) => {
      const [parent, mark] = partsOf(context.parentURL ?? '')
      if (mark === undefined) return next(specifier, context)
      const attributes = Object.entries(context.importAttributes ?? {}).join()
      const key = `${parent} ${specifier} ${attributes}`
      let found = resolved.get(key)
      if (found === undefined) {
        const output = next(specifier, { ...context, parentURL: parent })
        const { url } = output
        const own = url.startsWith('file:') && !isInstalled(url) && !isLibrary(specifier) && !url.startsWith(OWN)
        resolved.set(key, (found = { ...output, own, shortCircuit: true }))
      }
      return found.own ? { ...found, url: `${found.url}${MARK}${mark}` } : found
    },
    load: (url, context, next) => {
      const [plain, mark] = partsOf(url)
      if (mark === undefined) return next(url, context)
      modules++
      let source = sources.get(plain)
      if (source === undefined) {
        const output = next(plain, context)
        source = { ...output, shortCircuit: true }
        // Node reads a CommonJS module by itself, and its own cache is emptied above.
        if (output.format?.startsWith('commonjs') === true) return next(url, context)
        if (output.format === 'module-typescript') source = { ...source, format: 'module', source: stripped(output.source) }
        sources.set(plain, source)
      }
      return source
    },
  })
}

function partsOf(url: string): readonly [plain: string, mark: string | undefined] {
  const at = url.indexOf(MARK)
  return at < 0 ? [url, undefined] : [url.slice(0, at), url.slice(at + MARK.length)]
}

/** Types are stripped once a file, and not once a load. */
function stripped(source: LoadFnOutput['source']): string {
  const text = typeof source === 'string' ? source : new TextDecoder().decode(source as Uint8Array)
  const { emitWarning } = process
  // Node warns that its function may change, which users can do nothing about.
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(text)
  } finally {
    process.emitWarning = emitWarning
  }
}
