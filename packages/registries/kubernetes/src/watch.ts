/** The objects of one kind in a namespace, kept up to date here: a list, then what changes from its version on. */
import { RegistryAway } from 'dure/discovery/internal'
import type { Timers } from 'dure/runtime'
import type { Api, Json } from './api.ts'

export type Objects<T> = {
  /** Lists, then watches until the server has forgotten where we are (410), or the signal aborts. @throws {RegistryAway} */
  readonly follow: (seen: () => void, signal: AbortSignal) => Promise<void>
  readonly objects: () => Iterable<T>
}

/** Objects that are asked for at once, and that are kept; seconds of one watch; objects that are told of. */
const [PAGE, MOST_OBJECTS, WATCH, MOST_TOLD] = [500, 20_000, 300, 100]
/** Times that a list is begun anew because its continuation is forgotten while it is read. */
const ATTEMPTS = 5

export function createObjects<T>(options: {
  readonly api: Api
  /** `/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices`. */
  readonly path: string
  readonly selector: string | undefined
  /** Which of them, as a field selector: `metadata.name=web`. */
  readonly fields?: string | undefined
  /** What an object says; undefined when it is of no interest. @throws when it is none */
  readonly read: (object: Json) => T | undefined
  /** Milliseconds between questions whether the server is there: a watch says nothing of one that stands still. */
  readonly interval: number
  readonly timers: Timers
  /** Told once of each that cannot be used. */
  readonly unused: (name: string, why: string) => void
}): Objects<T> {
  const { api, path, selector, fields, read, interval, timers, unused } = options
  const selected = {
    ...(selector !== undefined && { labelSelector: selector }),
    ...(fields !== undefined && { fieldSelector: fields }),
  }
  const at = (query: Readonly<Record<string, string | number>>): string =>
    `${path}?${new URLSearchParams({ ...selected, ...textsOf(query) })}`
  let known = new Map<string, T>()
  let version = ''
  const told = new Set<string>()

  const put = (into: Map<string, T>, object: Json): void => {
    const name = nameOf(object)
    try {
      const value = read(object)
      if (value === undefined) return void into.delete(name)
      if (!into.has(name) && into.size >= MOST_OBJECTS) throw new RangeError(`there are more than ${MOST_OBJECTS}`)
      into.set(name, value)
    } catch (error) {
      into.delete(name)
      if (told.has(name) || told.size >= MOST_TOLD) return
      told.add(name)
      unused(name, (error as Error).message)
    }
  }
  const list = async (): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        const found = new Map<string, T>()
        for (let more: string | undefined = ''; more !== undefined;) {
          const answer = await api.get(at({ limit: PAGE, ...(more !== '' && { continue: more }) }))
          const { items, metadata } = answer as { readonly items?: unknown; readonly metadata?: Json }
          if (!Array.isArray(items)) throw new RegistryAway('what answers there is no Kubernetes: its answer is no list')
          for (const item of items as readonly Json[]) put(found, item)
          version = versionOf({ metadata })
          more = typeof metadata?.['continue'] === 'string' && metadata['continue'] !== '' ? metadata['continue'] : undefined
        }
        known = found
        return
      } catch (error) {
        if (!isGone(error) || attempt === ATTEMPTS) throw error
      }
    }
  }
  const each = (seen: () => void) => (event: Json) => {
    const { type, object } = event as { readonly type?: unknown; readonly object?: Json }
    if (type === 'ERROR') {
      const { code, message } = (object ?? {}) as { readonly code?: unknown; readonly message?: unknown }
      throw new RegistryAway(`it broke off the watch: ${String(message)}`, { status: Number(code ?? 500) })
    }
    if (object === undefined) throw new RegistryAway('its answer cannot be read')
    if (type === 'ADDED' || type === 'MODIFIED') put(known, object)
    else if (type === 'DELETED') known.delete(nameOf(object))
    // Bookmarks only say how far we are.
    version = versionOf(object)
    if (type !== 'BOOKMARK') seen()
  }
  const watch = async (seen: () => void, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      const before = version
      const began = { lines: 0 }
      const hear = each(seen)
      const where = at({ watch: 'true', allowWatchBookmarks: 'true', resourceVersion: before, timeoutSeconds: WATCH })
      await api.follow(
        where,
        (line) => {
          began.lines++
          hear(line)
        },
        signal,
      )
      // It ends each watch after a while; one that ends at once has something else.
      if (began.lines === 0 && !signal.aborted) throw new RegistryAway('it ended the watch at once')
    }
  }
  const askOften = async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      await timers.sleep(interval, signal)
      if (signal.aborted) return
      await api.get(at({ limit: 1, resourceVersion: 0 }))
    }
  }
  return {
    follow: async (seen, signal) => {
      await list()
      seen()
      const over = new AbortController()
      const either = AbortSignal.any([signal, over.signal])
      let why: unknown
      const asked = askOften(either).catch((error: unknown) => {
        why = error
        over.abort()
      })
      try {
        await watch(seen, either)
      } catch (error) {
        if (why === undefined && !isGone(error)) throw error
      } finally {
        over.abort()
        await asked
      }
      if (why !== undefined) throw why
    },
    objects: () => known.values(),
  }
}

const textsOf = (query: Readonly<Record<string, string | number>>): Record<string, string> =>
  Object.fromEntries(Object.entries(query).map(([name, value]) => [name, String(value)]))
const nameOf = ({ metadata }: Json): string => String((metadata as Json | undefined)?.['name'])
/** @throws {RegistryAway} */
function versionOf({ metadata }: { readonly metadata?: unknown }): string {
  const version = (metadata as Json | undefined)?.['resourceVersion']
  if (typeof version === 'string') return version
  throw new RegistryAway('what answers there is no Kubernetes: its answer has no resourceVersion')
}
/** The server has forgotten the version that we are at. */
const isGone = (error: unknown): boolean => error instanceof RegistryAway && error.status === 410
