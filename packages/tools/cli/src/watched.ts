import { open as openInspector } from 'node:inspector'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

/** Where a door listens, and where a person reads what it serves. */
export type Url = { readonly door: string; readonly url: string; readonly page?: string }

/** What a process that `dure dev` started has to do with it. */
export type Watched = {
  /**
   * Says that the system is loaded; resolves when the one before it is gone, with undefined when it is to stop instead.
   * `again`: what there is to know was told by the one before.
   */
  readonly loaded: () => Promise<{ readonly again: boolean } | undefined>
  readonly ready: (urls: readonly Url[]) => void
  /** Says in words why it cannot go on, instead of writing them. */
  readonly failed: (why: string) => void
  /** Resolves with the reason when it is to stop. */
  readonly stopped: Promise<string>
  /** Whether another takes its place: then its end is nothing to tell of. */
  readonly replaced: () => boolean
}

/** What travels on the channel, from the process and to it. */
export type FromWatched =
  | { readonly dure: 'imports'; readonly files: readonly string[] }
  | { readonly dure: 'loaded' }
  | { readonly dure: 'ready'; readonly urls: readonly Url[] }
  | { readonly dure: 'failed'; readonly why: string }
export type ToWatched =
  | { readonly dure: 'go'; readonly again: boolean; readonly inspect: number | undefined }
  | { readonly dure: 'stop'; readonly replaced: boolean }

/** `dure dev`, when it started this process; it hears of every file that is imported from now on. */
export function joinDev(): Watched | undefined {
  if (process.env['DURE_WATCHED'] === undefined || !process.connected) return undefined
  const say = (message: FromWatched): void => {
    if (process.connected) process.send!(message, () => {})
  }
  const go = Promise.withResolvers<{ again: boolean } | undefined>()
  const stopped = Promise.withResolvers<string>()
  const stop = (reason: string): void => {
    go.resolve(undefined)
    stopped.resolve(reason)
  }
  let replaced = false
  // Ctrl-C at a terminal goes to everybody in the group; when to stop is for `dure dev` to say.
  process.on('SIGINT', () => {})
  process.on('disconnect', () => stop('dure dev is gone'))
  process.on('message', (message: ToWatched) => {
    if (message.dure === 'stop') {
      replaced = message.replaced
      return stop('asked by dure dev')
    }
    // By now the one before has left the port.
    if (message.inspect !== undefined) openInspector(message.inspect)
    go.resolve({ again: message.again })
  })
  tellImports((files) => say({ dure: 'imports', files }))
  return {
    loaded: () => {
      say({ dure: 'loaded' })
      return go.promise
    },
    ready: (urls) => say({ dure: 'ready', urls }),
    failed: (why) => say({ dure: 'failed', why }),
    stopped: stopped.promise,
    replaced: () => replaced,
  }
}

/** Tells of files that are imported, each once, and of those that were meant and are not there; not of packages. */
function tellImports(tell: (files: readonly string[]) => void): void {
  const seen = new Set<string>()
  let fresh: string[] = []
  const note = (url: string): void => {
    if (!url.startsWith('file:') || url.includes('/node_modules/') || seen.has(url)) return
    seen.add(url)
    if (fresh.push(fileURLToPath(new URL(url))) > 1) return
    queueMicrotask(() => {
      tell(fresh)
      fresh = []
    })
  }
  registerHooks({
    resolve: (specifier, context, next) => {
      try {
        const found = next(specifier, context)
        note(found.url)
        return found
      } catch (error) {
        if (/^(?:\.{0,2}\/|file:)/.test(specifier)) note(new URL(specifier, context.parentURL).href)
        throw error
      }
    },
  })
}
