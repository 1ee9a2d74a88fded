/** Settings from ConfigMaps and Secrets, as Kubernetes tells of each change. */
import { ConfigError, type ConfigAdapter, type ConfigLayer, type ConfigProblem, type ConfigSnapshot } from 'dure/config'
import { CallError } from 'dure/contract'
import type { Json } from './api.ts'
import type { ClusterOptions } from './connect.ts'
import { kubernetesObjects } from './objects.ts'

export type KubernetesConfigOptions = ClusterOptions & {
  /** Which are read, the first goes before the others: `[{ kind: 'Secret', name: 'shop' }, { kind: 'ConfigMap', name: 'shop' }]`. */
  readonly from: readonly { readonly kind: 'ConfigMap' | 'Secret'; readonly name: string }[]
  /** Names of files in them without their ending, the first goes before the others. Default `['application']`. */
  readonly names?: readonly string[]
  /** The last goes before the others, and all before files without one: `application-prod.yml` before `application.yml`. */
  readonly profiles?: readonly string[]
}

const ENDINGS = ['properties', 'yml', 'yaml', 'json']

/**
 * Settings from ConfigMaps and Secrets, read and watched through Kubernetes' API. What an entry is called `application.yml`,
 * `application-prod.properties` and so on is a file of settings; every other entry is a setting by its own name. Those of Secrets are
 * never shown. One that is missing fails the reading.
 * @throws {TypeError} when there is no configuration of Kubernetes, or nothing is named
 *
 * @example
 * ```ts
 * import { kubernetesConfig } from '@dure/kubernetes'
 *
 * const settings = kubernetesConfig({ from: [{ kind: 'ConfigMap', name: 'shop' }], profiles: ['prod'] })
 * console.log(typeof settings) // → function
 * ```
 */
export function kubernetesConfig(options: KubernetesConfigOptions): ConfigAdapter {
  const { from, names = ['application'], profiles = [] } = options
  if (from.length === 0) throw new TypeError('Cannot read settings of Kubernetes: "from" is empty; name a ConfigMap or Secret')
  const name = `Kubernetes ${from.map((each) => `${each.kind} ${each.name}`).join(', ')}`
  const open = kubernetesObjects({ ...options, kinds: from })
  const files = [...profiles.toReversed(), undefined].flatMap((profile) =>
    names.flatMap((each) => ENDINGS.map((ending) => `${each}${profile === undefined ? '' : `-${profile}`}.${ending}`)),
  )
  return async (world) => {
    const objects = await open(world)
    let stopped = false
    const failure = (problems: readonly ConfigProblem[], away = false): ConfigError =>
      new ConfigError(`Reading settings of "${name}" failed`, problems, { away })
    const read = async (): Promise<ConfigSnapshot> => {
      if (stopped) throw new CallError('FAILED_PRECONDITION', `Reading settings of "${name}" was refused: it was stopped`)
      if (!objects.freshness().fresh) throw failure([{ from: name, why: AWAY }], true)
      // A library that only whoever has files needs.
      const parse = await import('dure/config/parse')
      const problems: ConfigProblem[] = []
      const known = objects.objects()
      const found = from.map(({ kind, name: wanted }) => ({
        ...{ kind, wanted },
        object: known.find((each) => each['kind'] === kind && metadataOf(each)['name'] === wanted),
      }))
      const layers = found.flatMap(({ kind, wanted, object }) => {
        if (object !== undefined) return layersOf(object, { files, profiles, parse, problems })
        problems.push({ from: `${kind} ${wanted}`, why: 'it is not there; make it, or leave it out of "from"' })
        return []
      })
      if (problems.length > 0) throw failure(problems)
      return { layers, revision: found.map(({ object }) => String(metadataOf(object!)['resourceVersion'])).join('.') }
    }
    return {
      name,
      remote: true,
      read,
      watch: objects.watch,
      freshness: () => {
        const now = objects.freshness()
        return now.fresh ? { state: 'fresh' } : { state: 'stale', since: now.since, why: AWAY }
      },
      stop: async () => {
        stopped = true
        await objects.stop()
      },
    }
  }
}

const AWAY = 'Kubernetes does not answer; the log says why'
const metadataOf = (object: Json): Json => (object['metadata'] ?? {}) as Json

type Reading = {
  readonly files: readonly string[]
  readonly profiles: readonly string[]
  readonly parse: typeof import('dure/config/parse')
  readonly problems: ConfigProblem[]
}

/** Its files in their order, then what stands in it by itself. */
function layersOf(object: Json, { files, profiles, parse, problems }: Reading): readonly ConfigLayer[] {
  const { parseConfig, isForProfiles } = parse
  const secret = object['kind'] === 'Secret'
  const { name, resourceVersion } = metadataOf(object)
  const origin = `${String(object['kind'])} ${String(name)}`
  const revision = String(resourceVersion)
  const texts = textsOf(object, origin, problems)
  const layers: ConfigLayer[] = []
  for (const entry of files) {
    const text = texts.get(entry)
    if (text === undefined) continue
    const file = `${origin}/${entry}`
    const { documents, problems: found } = parseConfig(text, { file, revision })
    problems.push(...found)
    for (const { profiles: only, values } of documents.toReversed()) {
      if (only !== undefined && !isForProfiles(only, profiles)) continue
      layers.push({
        name: file,
        values: secret ? new Map([...values].map(([key, value]) => [key, { ...value, secret }])) : values,
      })
    }
  }
  const single = [...texts].filter(([entry]) => !ENDINGS.some((ending) => entry.endsWith(`.${ending}`)))
  const values = new Map(
    single.map(([key, value]) => [key, { value, from: `${origin}/${key}`, revision, ...(secret && { secret }) }]),
  )
  return values.size === 0 ? layers : [...layers, { name: origin, values }]
}

/** Those of a Secret are base64; what is no text is none of a setting. */
function textsOf(object: Json, from: string, problems: ConfigProblem[]): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  for (const [key, given] of Object.entries((object['data'] ?? {}) as Json)) {
    const text = object['kind'] === 'Secret' ? decoded(String(given)) : String(given)
    if (text === undefined) problems.push({ from, key, why: 'it is no text in UTF-8' })
    else texts.set(key, text)
  }
  return texts
}

function decoded(base64: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(base64, 'base64'))
  } catch {
    return undefined
  }
}
