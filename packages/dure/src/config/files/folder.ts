/** Settings in files: of a folder by name and profile, of a mount by file, of the environment by variable. */
import { readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { checkNumbers, WAIT } from '../../runtime/internal.ts'
import { ConfigError, type ConfigProblem } from '../errors.ts'
import { polledSource } from '../polled.ts'
import type { ConfigAdapter, ConfigLayer } from '../source.ts'

export type FolderOptions = {
  readonly path: string
  /** Names of its files without their ending, the first goes before the others. Default `['application']`. */
  readonly names?: readonly string[]
  /** The last goes before the others, and all before files without one: `application-prod.yml` before `application.yml`. */
  readonly profiles?: readonly string[]
  /** Milliseconds between two looks for changes. Default 500. */
  readonly interval?: number
}

/** Bytes of a file. */
export const MOST_BYTES = 2_097_152

/**
 * Settings from the YAML, JSON and `.properties` files of a folder, read again when they change. Files that change together are seen
 * together where the folder is what a link leads to that is swapped, as Kubernetes does it (`..data`), or one file is replaced.
 *
 * @example
 * ```ts
 * import { mkdirSync, writeFileSync } from 'node:fs'
 * import { folder } from 'dure/config'
 * import { realRuntime } from 'dure/runtime'
 * import { silentLogger } from 'dure/telemetry'
 *
 * mkdirSync('settings')
 * writeFileSync('settings/application.yml', 'payment: { timeout: 500 }')
 * writeFileSync('settings/application-prod.yml', 'payment: { timeout: 800 }')
 * const make = folder({ path: 'settings', profiles: ['prod'] }) // system('shop', { services, config: [make] })
 * const source = await make({ directory: '.dure', runtime: realRuntime(), log: silentLogger() })
 * for (const { name, values } of (await source.read()).layers) console.log(name, values.get('payment.timeout')?.value)
 * // → settings/application-prod.yml 800
 * // → settings/application.yml 500
 * await source.stop()
 * ```
 */
export function folder(options: FolderOptions): ConfigAdapter {
  const { path, names = ['application'], profiles = [], interval = 500 } = options
  checkNumbers(`read settings of the folder "${path}"`, { interval }, { interval: WAIT })
  const look = async (): Promise<{ readonly layers: readonly ConfigLayer[] }> => {
    // A mount of Kubernetes is swapped as a whole: all files are read where it led to at the beginning.
    const place = await realpath(join(path, '..data')).catch(async () => realpath(path).catch(() => undefined))
    if (place === undefined)
      throw new ConfigError(`Reading settings of the folder "${path}" failed`, [{ from: path, why: 'there is no such folder' }])
    const problems: ConfigProblem[] = []
    const layers: ConfigLayer[] = []
    for (const profile of [...profiles.toReversed(), undefined])
      for (const name of names)
        layers.push(...(await layersOf({ ...{ path, place, profiles, problems }, name: withProfile(name, profile) })))
    if (problems.length > 0) throw new ConfigError(`Reading settings of the folder "${path}" failed`, problems)
    return { layers }
  }
  return (world) => polledSource({ name: `folder ${path}`, interval, settled: true, look }, world)
}

const withProfile = (name: string, profile: string | undefined): string => (profile === undefined ? name : `${name}-${profile}`)

/** Of all files of one name; where several have it, `.properties` goes before YAML, and that before JSON. */
async function layersOf(options: {
  readonly path: string
  readonly place: string
  readonly name: string
  readonly profiles: readonly string[]
  readonly problems: ConfigProblem[]
}): Promise<readonly ConfigLayer[]> {
  const { path, place, name, profiles, problems } = options
  const layers: ConfigLayer[] = []
  for (const ending of ['properties', 'yml', 'yaml', 'json']) {
    const file = join(path, `${name}.${ending}`)
    const text = await readText(join(place, `${name}.${ending}`), file, problems)
    if (text === undefined) continue
    // A library that only whoever has files needs.
    const { isForProfiles, parseConfig } = await import('../parse/parse.ts')
    const { documents, problems: found } = parseConfig(text, { file })
    problems.push(...found)
    // What stands later in a file goes before what stands earlier.
    for (const { profiles: only, values } of documents.toReversed())
      if (only === undefined || isForProfiles(only, profiles)) layers.push({ name: file, values })
  }
  return layers
}

/** Undefined when it is not there. */
export async function readText(place: string, file: string, problems: ConfigProblem[]): Promise<string | undefined> {
  try {
    const { size } = await stat(place)
    if (size > MOST_BYTES) {
      problems.push({ from: file, why: `it has ${size} bytes; give ${MOST_BYTES} at most` })
      return undefined
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(place))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    problems.push({
      from: file,
      why: code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is no text in UTF-8' : `it cannot be read: ${message}`,
    })
    return undefined
  }
}
