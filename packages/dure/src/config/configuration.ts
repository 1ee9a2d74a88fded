/** The settings of a running system: read from all sources, judged for all services, and changed for all of them at once, or not at all. */
import type { AnySchema } from '../contract/contract.ts'
import { describeThrown } from '../contract/internal.ts'
import { FAMILIES, type Reading } from '../telemetry/telemetry.ts'
import { ConfigError, problemText, type ConfigProblem } from './errors.ts'
import { judge, type ConfigEntry, type Configured, type Judged } from './judge.ts'
import type { ConfigContent } from './release.ts'
import type { ConfigKeys } from './sealed.ts'
import type { ConfigAdapter, ConfigFreshness, ConfigLayer, ConfigSource, ConfigWorld } from './source.ts'
import { openSources } from './sources.ts'
import { createSteered, secretKeys, type Steered } from './steered.ts'
import type { WaveOptions } from './fleet.ts'
import type { LastGood } from './files/last-good.ts'

export type ConfigOptions = {
  /** The first that has a key goes before the others. */
  readonly sources: readonly ConfigAdapter[]
  /** Opens encrypted values: `keyFile(path)`, `keyVariable(name)`. Default: none, and such values are refused. */
  readonly keys?: ConfigKeys
  /**
   * How a change reaches the processes of a system: first one process of each service that it is about, and when those are well for a
   * while, all others; else it is taken back. Default: so, within one process or the processes of one data directory; between hosts
   * each process follows its own sources unless this is said. `false`: each process takes what its sources have, at once.
   */
  readonly waves?: WaveOptions | false
}

/** How the settings of a process stand. */
export type ConfigStatus = {
  /** Counts what was accepted since it started, from 1 on. */
  readonly version: number
  /** Milliseconds since the epoch when that was. */
  readonly since: number
  readonly sources: readonly { readonly name: string; readonly freshness: ConfigFreshness }[]
  /** What it would be if it were right; what was before goes on. */
  readonly refused: { readonly since: number; readonly problems: readonly ConfigProblem[] } | undefined
  readonly entries: readonly ConfigEntry[]
  /** Keys below the name of a service that its schema does not name. */
  readonly unknown: readonly string[]
}

export type Configuration = {
  /** What a service's calls that begin now get. */
  readonly of: (service: string) => () => unknown
  readonly status: () => ConfigStatus
  /** What is not as it should be, in words. */
  readonly warnings: () => readonly string[]
  readonly readings: () => readonly Reading[]
  /** For who releases changes to all processes of the system; undefined where nothing has settings. */
  readonly steered: Steered | undefined
  readonly stop: () => Promise<void>
}

type Accepted = Pick<ConfigStatus, 'version' | 'since' | 'entries' | 'unknown'> & Pick<Judged, 'plain'>

type Configurable = { readonly contract: { readonly name: string }; readonly config?: AnySchema | undefined }

export type Inspected = Pick<Judged, 'problems' | 'entries' | 'unknown'>

/** What a system would start with now, or why it could not. */
export async function inspectConfiguration(options: {
  readonly services: readonly Configurable[]
  readonly config: ConfigOptions
  readonly world: ConfigWorld
}): Promise<Inspected> {
  const { services, config, world } = options
  const problems: ConfigProblem[] = []
  const layers: ConfigLayer[] = []
  for (const adapter of config.sources) {
    let source: ConfigSource | undefined
    try {
      source = await adapter(world)
      layers.push(...(await source.read()).layers)
    } catch (error) {
      problems.push(...problemsOf(error))
    } finally {
      await source?.stop()
    }
  }
  const judged = await judge(layers, configuredOf(services), config.keys)
  const { entries, unknown } = judged
  // What a source that cannot be read would have had is not missing.
  return { problems: problems.length > 0 ? problems : judged.problems, entries, unknown }
}

function configuredOf(services: readonly Configurable[]): readonly Configured[] {
  return services.flatMap(({ contract, config }) => (config === undefined ? [] : [{ service: contract.name, schema: config }]))
}

function problemsOf(error: unknown): readonly ConfigProblem[] {
  return error instanceof ConfigError ? error.problems : [{ why: describeThrown(error).message }]
}

/** Of a system in which nothing has settings. */
export const noConfiguration: Configuration = {
  of: () => () => undefined,
  status: () => ({ version: 0, since: 0, sources: [], refused: undefined, entries: [], unknown: [] }),
  warnings: () => [],
  readings: () => [],
  steered: undefined,
  stop: async () => {},
}

/**
 * @param options.from the settings that other processes of the system have now, which go before what the sources have
 * @param options.instead where there are none, what goes before this that the sources have
 * @throws {ConfigError} naming all that is wrong, or missing, with its key and place
 */
export async function openConfiguration(options: {
  readonly system: string
  readonly services: readonly Configurable[]
  readonly config: ConfigOptions
  readonly world: ConfigWorld
  readonly lastGood: LastGood
  readonly from?: (() => Promise<ConfigContent | undefined>) | undefined
  readonly instead?: ((content: ConfigContent) => Promise<ConfigContent | undefined>) | undefined
}): Promise<Configuration> {
  const { system, config, world, lastGood } = options
  const { runtime, log } = world
  const services = configuredOf(options.services)
  let stopped = false
  let applying: Promise<void> | undefined
  const cells = new Map(services.map(({ service }) => [service, { value: undefined as unknown }]))
  let accepted: Accepted = { version: 0, since: 0, entries: [], unknown: [], plain: new Map() }
  let now: ConfigContent = { mark: '', snapshots: new Map() }
  let refused: ConfigStatus['refused']
  let steering: (() => 'wait' | 'follow') | undefined
  /** Counts what sources say, to know of what they say meanwhile. */
  let news = 0

  const sources = await openSources({
    ...{ system, adapters: config.sources, world, lastGood, keys: () => openKeys(config) },
    changed: () => {
      news++
      if (accepted.version > 0 && steering?.() !== 'wait') follow()
    },
  })
  const stop = async (): Promise<void> => {
    stopped = true
    await sources.stop()
    await applying
  }

  const use = async (content: ConfigContent, judged: Judged): Promise<void> => {
    if (stopped) return
    // In one step: no call begins between two of them.
    for (const [service, cell] of cells) cell.value = judged.values!.get(service)
    const { entries, unknown, plain } = judged
    const begin = accepted.version === 0
    accepted = { version: accepted.version + 1, since: runtime.clock.now(), entries, unknown, plain }
    now = content
    refused = undefined
    if (!begin) log.info('Settings have changed', { version: accepted.version })
    await sources.keep(content, secretKeys(entries))
  }
  const judged = (content: ConfigContent): Promise<Judged> => judge(sources.layers(content), services, config.keys)
  const fitting = async (content: ConfigContent): Promise<Judged> => {
    const found = await judged(content)
    if (found.values === undefined) throw new ConfigError(`Cannot use the settings of system "${system}"`, found.problems)
    return found
  }

  const begin = async (): Promise<void> => {
    const given = await options.from?.()
    await sources.read({ begin: true, besides: given })
    const known = given ?? (await options.instead?.(sources.content()))
    const found = known && (await judged(known))
    // What others have does not fit a new version of a service that asks for more: then the sources count.
    if (known !== undefined && found?.values !== undefined) return use(known, found)
    await use(sources.content(), await fitting(sources.content()))
  }

  const apply = async (): Promise<void> => {
    if (await sources.read()) await use(sources.content(), await fitting(sources.content()))
  }

  const follow = (): void => {
    applying ??= (async () => {
      // What comes while it is applied is applied after that.
      for (let seen = -1; !stopped && seen !== news;) {
        seen = news
        await apply().catch((error: unknown) => refuse(problemsOf(error)))
      }
    })().finally(() => {
      applying = undefined
    })
  }

  const refuse = (problems: readonly ConfigProblem[]): void => {
    const before = refused?.problems.map(problemText).join('\n')
    const since = refused?.since ?? runtime.clock.now()
    refused = { since, problems }
    if (before !== problems.map(problemText).join('\n'))
      log.error('A change of settings was refused, and those before go on', { reasons: problems.map(problemText) })
  }

  const steered = createSteered({
    ...{ sources, services, judged, use, now: () => now, plain: () => accepted.plain },
    steer: (told) => {
      steering = told
    },
    refuse: (problems) => {
      if (problems.length === 0) refused = undefined
      else refuse(problems)
    },
  })

  try {
    await begin()
    // Who releases changes looks for itself.
    if (news > 0 && options.from === undefined) follow()
  } catch (error) {
    await stop()
    throw error
  }
  const status = (): ConfigStatus => {
    const { plain: _, ...known } = accepted
    return { ...known, sources: sources.freshness(), refused }
  }
  return {
    of: (service) => {
      const cell = cells.get(service)
      return () => cell?.value
    },
    status,
    warnings: () => warningsOf(status()),
    readings: () => readingsOf(status()),
    steered,
    stop,
  }
}

export const openKeys = async ({ keys }: ConfigOptions): Promise<readonly Uint8Array[]> =>
  (await keys?.read().catch(() => [])) ?? []

function warningsOf({ sources, refused }: ConfigStatus): readonly string[] {
  const stale = sources.flatMap(({ name, freshness }) =>
    freshness.state === 'stale' ? [`Settings of "${name}" may be old: ${freshness.why}`] : [],
  )
  return refused === undefined
    ? stale
    : [...stale, `A change of settings was refused, and those before go on: ${refused.problems.map(problemText).join('; ')}`]
}

/** Numbers of how they stand. */
function readingsOf({ version, sources, refused }: ConfigStatus): readonly Reading[] {
  const stale = sources.filter(({ freshness }) => freshness.state === 'stale').length
  return [
    { family: FAMILIES.configVersion, attributes: {}, value: version },
    { family: FAMILIES.configStale, attributes: {}, value: stale },
    { family: FAMILIES.configRefused, attributes: {}, value: refused === undefined ? 0 : 1 },
  ]
}
