/** Configurations of other gateways, read once and written as ours. */
import { stringify } from 'yaml'
import { refuse } from '../written/written.ts'
import type { ImportNote } from './routes.ts'
import { at, readSettings, resolveAll, unused } from './settings.ts'
import { springRoutes } from './spring.ts'
import { zuulRoutes } from './zuul.ts'

export type { ImportNote } from './routes.ts'

export type ImportOptions = {
  /** Its name, for messages; `….properties` is read as such. */
  readonly file: string
  /** Documents of YAML that are for this profile alone are read too. */
  readonly profile?: string
  /** Filters without which a route is written, though there is none here. Without that it is left out: a filter may guard something. */
  readonly ignore?: readonly string[]
  /** What `${NAME}` stands for. Default: none is known. */
  readonly environment?: Readonly<Partial<Record<string, string>>>
  /** Milliseconds since the epoch: whether the time of a predicate is there. */
  readonly now: number
}

export type Imported = {
  /** A file of routes, which says in its comments what is not as it was. */
  readonly yaml: string
  /** All that is not as it was, by its line. */
  readonly notes: readonly ImportNote[]
}

/**
 * Reads routes of Spring Cloud Gateway (`spring.cloud.gateway.routes`, also under `server.webflux`) and of Zuul (`zuul.routes`), and writes
 * them as a file of ours. What is not understood is left out with its route, and said; nothing is left out without a word.
 * @throws {SystemError} when the file cannot be read, with its lines
 *
 * @example
 * ```ts
 * import { importRoutes } from '@dure/gateway'
 *
 * const { yaml, notes } = importRoutes(
 *   `
 * spring.cloud.gateway.routes:
 *   - id: orders
 *     uri: lb://orders
 *     predicates: [Path=/api/orders/**]
 *     filters: [StripPrefix=1, PreserveHostHeader]
 *   - id: tokens
 *     uri: lb://tokens
 *     predicates: [Path=/tokens]
 *     filters: [TokenRelay]
 * `,
 *   { file: 'application.yml', now: Date.now() },
 * )
 * console.log(yaml.split('\n').filter((line) => !line.startsWith('#')).join('\n').trim())
 * // → routes:
 * // →   orders:
 * // →     prefix: /api/orders
 * // →     to: orders
 * // →     filters:
 * // →       - rewrite:
 * // →           strip: 1
 * console.log(notes.map(({ line, is, what }) => `${line} ${is} ${what}`)) // → [ '10 left out route "tokens"' ]
 * ```
 */
export function importRoutes(text: string, options: ImportOptions): Imported {
  const { file, profile, ignore = [], environment = {}, now } = options
  const { root, faults, notes: passed } = readSettings(text, { file, profile })
  if (faults.length > 0) refuse(file, faults)
  const notes: ImportNote[] = []
  const note = (one: ImportNote): void => void notes.push(one)
  for (const { line, why } of passed) note({ line, is: 'differs', what: 'a document', why })
  for (const { line, why } of resolveAll(root, environment)) note({ line, is: 'differs', what: 'a placeholder', why })
  const all = [springRoutes(root, { note, now, ignored: new Set(ignore) }), zuulRoutes(root, note)]
  for (const part of ['spring.cloud.gateway', 'zuul']) {
    const setting = at(root, part)
    for (const { line, name } of setting === undefined ? [] : unused(setting, part))
      note({ line, is: 'left out', what: name, why: 'it is not understood: see whether it matters' })
  }
  const routes = Object.assign({}, ...all.map((each) => each.routes)) as object
  const upstreams = Object.assign({}, ...all.map((each) => each.upstreams)) as object
  if (Object.keys(routes).length === 0 && notes.length === 0)
    refuse(file, [{ line: 1, why: 'it has no routes: there is neither spring.cloud.gateway.routes nor zuul.routes' }])
  const sorted = notes.toSorted((one, other) => one.line - other.line)
  const comments = [`Made of ${file} by: dure gateway import`, ...sorted.map((one) => shown(file, one))]
  const body = stringify(
    { ...(Object.keys(upstreams).length > 0 && { upstreams }), routes },
    { lineWidth: 0, aliasDuplicateObjects: false },
  )
  return { yaml: `${comments.map((line) => `# ${line.replaceAll(/[\r\n]+/g, ' ')}\n`).join('')}${body}`, notes: sorted }
}

const shown = (file: string, { line, is, what, why }: ImportNote): string => `${file}:${line}: ${is}: ${what}: ${why}`
