import { fileURLToPath } from 'node:url'
import { programBeside } from '../system-file.ts'
import { beginChild } from './child.ts'
import type { Place } from './place.ts'
import type { SubjectWords } from './subject-process.ts'

export type OwnProcessOptions = {
  /** The file that exports the system which has the services, or the service: `new URL('system.ts', import.meta.url)`. */
  readonly file: URL
  /** What the file calls it: the system, the service, or a function that makes it. Default `default`. */
  readonly name?: string
  /** Environment of the process, beside that of the test: where its database and its broker are. */
  readonly env?: Readonly<Record<string, string>>
}

/**
 * A process of their own for services under test, which `kill` kills and `freeze` stops.
 *
 * @example
 * ```ts
 * import { ownProcess } from '@dure/testing'
 *
 * // testSystem(orders, { in: place, fakes })
 * const place = ownProcess({ file: new URL('orders/service.ts', import.meta.url), name: 'orders' })
 * console.log(place.name) // → a process of its own
 * ```
 */
export function ownProcess({ file, name = 'default', env = {} }: OwnProcessOptions): Place {
  return {
    name: 'a process of its own',
    begin: async ({ directory, services, onLine }) => {
      const { url, node } = programBeside(import.meta.url, 'subject-process')
      const words: SubjectWords = { file: file.href, name, directory, services }
      return beginChild([process.execPath, ...node, fileURLToPath(url), JSON.stringify(words)], { onLine }, { env })
    },
  }
}
