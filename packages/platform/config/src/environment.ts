/** The settings of an application, as Spring Cloud Config answers them: sources of flat keys, of which the first that has one counts. */
import { ConfigError, type ConfigProblem, type ConfigValue } from 'dure/config'
import { isForProfiles, type ParsedConfig } from 'dure/config/parse'
import { isCipher, type Decrypt } from './cipher.ts'
import { ConfigFault } from './fault.ts'
import type { Repository, SettingsFile } from './repositories/repository.ts'
import { candidatesOf, type Wanted } from './wanted.ts'

export type PropertySource = { readonly name: string; readonly values: ReadonlyMap<string, ConfigValue> }

export type Environment = { readonly wanted: Wanted; readonly version: string; readonly sources: readonly PropertySource[] }

/** Bytes of values of an answer. */
const MOST_ANSWERED = 16 * 1_048_576

/**
 * All that is there for it, or nothing: a file that cannot be read, and a value that cannot be decrypted, fail it.
 * @throws {ConfigFault} 404 where there is no such label, 500 naming all that cannot be used
 */
export async function environmentOf(repository: Repository, wanted: Wanted, decrypt: Decrypt): Promise<Environment> {
  const revision = await repository.at(wanted.label)
  if (revision === undefined) throw new ConfigFault(404, `There is no label ${JSON.stringify(wanted.label ?? 'main')}`)
  const candidates = candidatesOf(wanted, revision.folders)
  const files = await revision.read(candidates)
  const problems: ConfigProblem[] = []
  const sources: PropertySource[] = []
  for (const { path } of candidates) {
    const file = files.get(path)
    if (file !== undefined) sources.push(...sourcesOf(file, wanted, problems))
  }
  const decrypted = sources.map((source) => decryptedSource(source, decrypt, problems))
  if (problems.length > 0) {
    const { message } = new ConfigError(`Cannot answer settings of "${wanted.application}"`, problems)
    throw new ConfigFault(500, message)
  }
  if (sizeOf(decrypted) > MOST_ANSWERED)
    throw new ConfigFault(
      500,
      `Cannot answer settings of "${wanted.application}": they have more than ${MOST_ANSWERED} characters`,
    )
  return { wanted, version: revision.version, sources: decrypted }
}

/** What stands later in a file goes before what stands earlier. */
function sourcesOf({ name, parsed }: SettingsFile, { profiles }: Wanted, problems: ConfigProblem[]): readonly PropertySource[] {
  const { documents, problems: found } = parsed()
  problems.push(...found, ...documents.flatMap(oldProfiles))
  return documents
    .map(({ profiles: only, values }, at) => ({
      name: documents.length === 1 ? name : `${name} (document #${at})`,
      values,
      counts: values.size > 0 && (only === undefined || isForProfiles(only, profiles)),
    }))
    .filter(({ counts }) => counts)
    .toReversed()
}

/** Before Spring Boot 2.4 it said for which profiles a document is; taken for a setting, all profiles would get the document. */
function oldProfiles({ values }: ParsedConfig['documents'][number]): readonly ConfigProblem[] {
  return [...values].flatMap(([key, { from, line }]) =>
    /^spring\.profiles(?:\[\d+\])?$/.test(key)
      ? [{ from, line, key, why: 'it is no longer how a document is for a profile; write "spring.config.activate.on-profile"' }]
      : [],
  )
}

function decryptedSource({ name, values }: PropertySource, decrypt: Decrypt, problems: ConfigProblem[]): PropertySource {
  if (![...values.values()].some(({ value }) => isCipher(value))) return { name, values }
  const plain = [...values].map(([key, found]) => {
    if (!isCipher(found.value)) return [key, found] as const
    const { text, why } = decrypt(found.value)
    if (text === undefined) problems.push({ from: found.from, line: found.line, key, why })
    return [key, { ...found, value: text ?? '', secret: true }] as const
  })
  return { name, values: new Map(plain) }
}

function sizeOf(sources: readonly PropertySource[]): number {
  let size = 0
  for (const { values } of sources) for (const [key, { value }] of values) size += key.length + String(value).length
  return size
}
