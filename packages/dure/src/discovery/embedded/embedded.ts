import { watch, type FSWatcher } from 'node:fs'
import { join } from 'node:path'
import { type Runtime, type Timer } from '../../runtime/runtime.ts'
import { checkNumbers, WAIT } from '../../runtime/internal.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import type { Instance, Registry } from '../registry.ts'
import { createFolder, type Entry } from './folder.ts'
import { processIsAlive, thisProcess } from './process.ts'

export { markOf, processIsAlive, thisProcess, type ProcessMark } from './process.ts'
export { socketIn } from './socket.ts'

export type EmbeddedRegistryOptions = {
  /** Milliseconds between looks at the folder, beside what the file system tells by itself. Default 500. */
  readonly poll?: number
}

/**
 * The registry of one machine: a file an instance in `<directory>/registry/`, known to every process that uses the same
 * directory. A process that dies without a word (killed, crashed) is gone from every view within one `poll`, because
 * its process id stands in the file and is looked after; whoever sees that first removes what it left behind.
 */
export function embeddedRegistry(
  options: EmbeddedRegistryOptions = {},
): (world: { readonly directory: string; readonly runtime: Runtime; readonly log: Logger }) => Registry {
  const { poll = 500 } = checkNumbers('open the embedded registry', options, { poll: WAIT })
  return ({ directory, runtime, log }) => {
    const path = join(directory, 'registry')
    const folder = createFolder({ path, alive: processIsAlive, log })
    const own = new Map<string, Entry>()
    const listeners = new Map<string, Set<(instances: readonly Instance[]) => void>>()
    let known: ReadonlyMap<string, readonly Instance[]> = new Map()
    let timer: Timer | undefined
    let soon: Timer | undefined
    let stopped = false

    const look = (): void => {
      if (stopped) return
      // Somebody may have tidied up too eagerly: what runs here says so again.
      for (const entry of own.values()) folder.ensure(entry)
      const before = known
      known = byService(folder.read())
      for (const [service, told] of listeners) {
        const now = known.get(service) ?? []
        if (same(before.get(service) ?? [], now)) continue
        for (const listener of told) listener(now)
      }
    }
    const lookSoon = (): void => {
      soon ??= runtime.timers.after(2, () => {
        soon = undefined
        lookSafely()
      })
    }
    const lookSafely = (): void => {
      try {
        look()
      } catch (error) {
        log.warn('Cannot look into the registry; it is looked at again later', { path, error })
      }
    }
    const again = (): void => {
      timer = runtime.timers.after(poll, () => {
        lookSafely()
        if (!stopped) again()
      })
    }

    look()
    const watcher = watchFolder(path, lookSoon, log)
    again()

    return {
      register: async (instance) => {
        const entry: Entry = { ...instance, ...thisProcess() }
        folder.write(entry)
        own.set(instance.id + instance.service, entry)
        look()
        return {
          stop: async () => {
            if (!own.delete(instance.id + instance.service)) return
            folder.remove(entry)
            lookSafely()
          },
        }
      },
      instances: (service) => known.get(service) ?? [],
      watch: (service, listener) => {
        let told = listeners.get(service)
        if (told === undefined) listeners.set(service, (told = new Set()))
        // A listener of its own, so that the same function may be given twice.
        const one = (instances: readonly Instance[]): void => listener(instances)
        told.add(one)
        return {
          stop: () => {
            told.delete(one)
            if (told.size === 0 && listeners.get(service) === told) listeners.delete(service)
          },
        }
      },
      stop: async () => {
        stopped = true
        timer?.cancel()
        soon?.cancel()
        watcher?.close()
        for (const entry of own.values()) folder.remove(entry)
        own.clear()
        listeners.clear()
      },
    }
  }
}

/** The file system's own news; without them (no handles left, a network drive) the slow look has to do. */
function watchFolder(path: string, onChange: () => void, log: Logger): FSWatcher | undefined {
  try {
    const watcher = watch(path, { persistent: false }, onChange)
    watcher.on('error', () => watcher.close())
    return watcher
  } catch (error) {
    log.debug('Cannot watch the registry; it is looked at from time to time', { path, error })
    return undefined
  }
}

function byService(entries: readonly Entry[]): ReadonlyMap<string, readonly Instance[]> {
  const found = new Map<string, Instance[]>()
  for (const { service, id, address, version } of entries) {
    const list = found.get(service)
    const instance = { service, id, address, version }
    if (list === undefined) found.set(service, [instance])
    else list.push(instance)
  }
  return found
}

const same = (before: readonly Instance[], now: readonly Instance[]): boolean =>
  before.length === now.length && before.every(({ id }, i) => id === now[i]!.id)
