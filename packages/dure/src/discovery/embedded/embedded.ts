import { watch, type FSWatcher } from 'node:fs'
import { join } from 'node:path'
import { type Runtime, type Timer } from '../../runtime/runtime.ts'
import { checkNumbers, WAIT } from '../../runtime/internal.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { changed, type Instance, type Registry } from '../registry.ts'
import { createView } from '../view.ts'
import { createFolder, type Entry } from './folder.ts'
import { processIsAlive, thisProcess } from './process.ts'

export { markOf, processIsAlive, thisProcess, type ProcessMark } from './process.ts'
export { buryThread } from './ended-thread.ts'
export { isInScope, scopeOf } from './scope.ts'
export { answers, socketIn } from './socket.ts'

export type EmbeddedRegistryOptions = {
  /** Milliseconds between looks at the folder, beside what the file system tells by itself. Default 500. */
  readonly poll?: number
}

/**
 * The registry of one machine: a file an instance in `<directory>/registry/`, known to every process that uses the same
 * directory. A process that dies without a word (killed, crashed) is gone from every view within one `poll`, because
 * its process id stands in the file and is looked after; whoever sees that first removes what it left behind.
 *
 * @example
 * ```ts
 * import { embeddedRegistry } from 'dure/discovery'
 * import { realRuntime } from 'dure/runtime'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const registry = embeddedRegistry()({ directory: '.dure', runtime: realRuntime(), log: silentLogger() })
 * console.log(registry.instances('orders')) // → []
 * await registry.stop()
 * ```
 */
export function embeddedRegistry(
  options: EmbeddedRegistryOptions = {},
): (world: { readonly directory: string; readonly runtime: Runtime; readonly log: Logger }) => Registry {
  const { poll = 500 } = checkNumbers('open the embedded registry', options, { poll: WAIT })
  return ({ directory, runtime, log }) => {
    const path = join(directory, 'registry')
    const folder = createFolder({ path, alive: processIsAlive, log })
    const own = new Map<string, Entry>()
    const view = createView(log)
    let timer: Timer | undefined
    let soon: Timer | undefined
    let seen = runtime.clock.now()
    let fresh = true
    let stopped = false

    const refresh = (): void => {
      if (stopped) return
      try {
        // Somebody may have tidied up too eagerly: what runs here says so again.
        for (const entry of own.values()) folder.ensure(entry)
        view.see(folder.read().map(instanceOf))
        seen = runtime.clock.now()
        fresh = true
      } catch (error) {
        fresh = false
        throw error
      }
    }
    const refreshSoon = (): void => {
      soon ??= runtime.timers.after(2, () => {
        soon = undefined
        refreshSafely()
      })
    }
    const refreshSafely = (): void => {
      try {
        refresh()
      } catch (error) {
        log.warn('Cannot look into the registry; it is looked at again later', { path, error })
      }
    }
    const again = (): void => {
      timer = runtime.timers.after(poll, () => {
        refreshSafely()
        if (!stopped) again()
      })
    }

    refresh()
    const watcher = watchFolder(path, refreshSoon, log)
    again()

    return {
      register: async (instance) => {
        const key = instance.id + instance.service
        const put = (entry: Entry): void => {
          folder.write(entry)
          own.set(key, entry)
          refresh()
        }
        put({ ...instance, ...thisProcess() })
        return {
          update: async (change) => {
            const entry = own.get(key)
            if (entry !== undefined) put({ ...entry, ...changed(entry, change) })
          },
          stop: async () => {
            const entry = own.get(key)
            if (entry === undefined) return
            own.delete(key)
            folder.remove(entry)
            refreshSafely()
          },
        }
      },
      instances: view.instances,
      services: view.services,
      watch: view.watch,
      freshness: () => (fresh ? { fresh } : { fresh, since: seen }),
      stop: async () => {
        stopped = true
        timer?.cancel()
        soon?.cancel()
        watcher?.close()
        for (const entry of own.values()) folder.remove(entry)
        own.clear()
        view.close()
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

function instanceOf({ service, id, version, status, endpoints, metadata }: Entry): Instance {
  return { service, id, version, status, endpoints, metadata }
}
