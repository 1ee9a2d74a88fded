/** Files of settings, read strictly: YAML, JSON and `.properties`, each value with the line that it stands in. */
import type { ConfigProblem } from '../errors.ts'
import { keyAt } from '../key.ts'
import type { ConfigScalar, ConfigValue } from '../source.ts'
import { readDocuments, type Located } from './located.ts'
import { isProfileExpression } from './profiles.ts'
import { readProperties } from './properties.ts'

export { lineAt, readDocuments, type Documents, type Fault, type Located, type ReadingOptions } from './located.ts'
export { isForProfiles } from './profiles.ts'
export { readProperties, type Property } from './properties.ts'

/** A document of a file of settings: one, or those that `---` parts. */
export type ConfigDocument = {
  /** As it says itself for which profiles it is (`spring.config.activate.on-profile`), names or expressions; undefined: for all. `isForProfiles` reads them. */
  readonly profiles: readonly string[] | undefined
  readonly values: ReadonlyMap<string, ConfigValue>
}

export type ParsedConfig = { readonly documents: readonly ConfigDocument[]; readonly problems: readonly ConfigProblem[] }

/** Endings of names of files that are read. */
const CONFIG_FILES: readonly string[] = ['yml', 'yaml', 'json', 'properties']

/**
 * Reads a file of settings, by the ending of its name. Where there are problems its documents are none to use.
 *
 * @example
 * ```ts
 * import { parseConfig } from 'dure/config/parse'
 *
 * const { documents } = parseConfig('payment:\n  hosts: [one, two]\n', { file: 'application.yml' })
 * console.log(documents[0]?.values.get('payment.hosts[1]')) // → { value: 'two', from: 'application.yml', line: 2 }
 * ```
 */
export function parseConfig(
  text: string,
  { file, revision }: { readonly file: string; readonly revision?: string | undefined },
): ParsedConfig {
  const problems: ConfigProblem[] = []
  const problem = (line: number, why: string, key?: string): void => void problems.push({ from: file, line, key, why })
  const into = (): Flat => ({ values: new Map(), origin: { from: file, ...(revision !== undefined && { revision }) }, problem })
  if (/\.(?:ya?ml|json)$/i.test(file)) {
    const { documents, faults } = readDocuments(text, { kind: /json$/i.test(file) ? 'json' : 'yaml', aliases: true })
    for (const { line, why } of faults) problem(line, why)
    const made = documents.map((document) => {
      const flat = into()
      if (document.entries === undefined) problem(document.line, 'it has no keys; give a mapping of names to values')
      else flatten(document, '', flat)
      return documentOf(flat)
    })
    return { documents: made, problems }
  }
  if (!/\.properties$/i.test(file)) {
    problem(1, `its name ends in none of .${CONFIG_FILES.join(', .')}`)
    return { documents: [], problems }
  }
  const parts: Flat[] = [into()]
  const marks = documentMarks(text)
  for (const { line, name, value } of readProperties(text)) {
    for (; marks.length > 0 && marks[0]! < line; marks.shift()) parts.push(into())
    put(parts.at(-1)!, name, value, line)
  }
  return { documents: parts.map(documentOf), problems }
}

/** Lines of a `.properties` file that end a document, as Spring Boot has them. */
function documentMarks(text: string): number[] {
  return text.split(/\r\n|\r|\n/).flatMap((line, at) => (/^[#!]---\s*$/.test(line) ? [at + 1] : []))
}

type Flat = {
  readonly values: Map<string, ConfigValue>
  readonly origin: Pick<ConfigValue, 'from' | 'revision'>
  readonly problem: (line: number, why: string, key?: string) => void
}

/** Nested values by flat keys. */
function flatten({ entries, items, value, line }: Located, key: string, flat: Flat): void {
  if (entries !== undefined && entries.size > 0) {
    for (const [name, each] of entries) flatten(each, keyAt(key, name), flat)
  } else if (items !== undefined && items.length > 0) {
    for (const [at, each] of items.entries()) flatten(each, `${key}[${at}]`, flat)
  } else if (entries !== undefined || items !== undefined) put(flat, key, '', line)
  else put(flat, key, value as ConfigScalar, line)
}

function put({ values, origin, problem }: Flat, key: string, value: ConfigScalar, line: number): void {
  const before = values.get(key)
  if (before !== undefined) problem(line, `it stands in line ${before.line} already; keep one of them`, key)
  else if (typeof value === 'number' && !(Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value)))
    problem(line, 'it is a number that would not be read as it is written; write it in quotes', key)
  else values.set(key, { value, ...origin, line })
}

const ON_PROFILE = 'spring.config.activate.on-profile'

function documentOf({ values, problem }: Flat): ConfigDocument {
  const only = [...values].filter(([key]) => key === ON_PROFILE || (key.startsWith(`${ON_PROFILE}[`) && key.endsWith(']')))
  if (only.length === 0) return { profiles: undefined, values }
  const profiles: string[] = []
  for (const [key, { value, line }] of only) {
    values.delete(key)
    for (const text of String(value)
      .split(',')
      .map((each) => each.trim())) {
      if (!isProfileExpression(text))
        problem(line ?? 1, 'it is no profile; give a name, or an expression such as "eu & !prod"', key)
      profiles.push(text)
    }
  }
  return { profiles, values }
}
