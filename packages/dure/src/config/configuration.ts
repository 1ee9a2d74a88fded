/** The settings of a running system: read from all sources, judged for all services, and changed for all of them at once, or not at all. */
import type { AnySchema } from '../contract/contract.ts'
import { describeThrown } from '../contract/internal.ts'
import { FAMILIES, type Reading } from '../telemetry/telemetry.ts'
import { ConfigError, problemText, type ConfigProblem } from './errors.ts'
import { judge, type ConfigEntry, type Configured, type Judged } from './judge.ts'
import type { ConfigKeys } from './sealed.ts'
import type { ConfigAdapter, ConfigFreshness, ConfigLayer, ConfigSnapshot, ConfigSource, ConfigWorld } from './source.ts'
import type { LastGood } from './files/last-good.ts'

export type ConfigOptions = {
  /** The first that has a key goes before the others. */
  readonly sources: readonly ConfigAdapter[]
  /** Opens encrypted values: `keyFile(path)`, `keyVariable(name)`. Default: none, and such values are refused. */
  readonly keys?: ConfigKeys
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
  readonly stop: () => Promise<void>
}

type Opened = {
  readonly source: ConfigSource
  snapshot: ConfigSnapshot | undefined
  /** It may have something else to read. */
  changed: boolean
}

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
  // What a source that cannot be read would have had is not missing.
  return problems.length > 0 ? { ...judged, problems } : judged
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
  stop: async () => {},
}

/** @throws {ConfigError} naming all that is wrong, or missing, with its key and place */
export async function openConfiguration(options: {
  readonly system: string
  readonly services: readonly Configurable[]
  readonly config: ConfigOptions
  readonly world: ConfigWorld
  readonly lastGood: LastGood
}): Promise<Configuration> {
  const { system, config, world, lastGood } = options
  const { runtime, log } = world
  const services = configuredOf(options.services)
  const opened: Opened[] = []
  const stop = async (): Promise<void> => {
    stopped = true
    for (const one of watching) one.stop()
    await Promise.all(opened.map(({ source }) => source.stop()))
    await applying
  }
  const watching: { readonly stop: () => void }[] = []
  let stopped = false
  let applying: Promise<void> | undefined
  const cells = new Map(services.map(({ service }) => [service, { value: undefined as unknown }]))
  let accepted = { version: 0, since: 0, entries: [] as readonly ConfigEntry[], unknown: [] as readonly string[] }
  let refused: ConfigStatus['refused']

  /** Counts what sources say, to know of what they say meanwhile. */
  let news = 0

  /** @returns whether there is anything else than before @throws {ConfigError} */
  const readAll = async (begin: boolean): Promise<boolean> => {
    const problems: ConfigProblem[] = []
    let read = begin
    for (const one of opened) {
      if (!one.changed) continue
      one.changed = false
      try {
        one.snapshot = await one.source.read()
        read = true
      } catch (error) {
        const away = error instanceof ConfigError && error.away
        if (away && begin && one.source.remote === true)
          one.snapshot = await lastGood.load(one.source.name, await openKeys(config))
        if (away && one.snapshot !== undefined) continue
        problems.push(
          ...(error instanceof ConfigError ? error.problems : [{ from: one.source.name, why: describeThrown(error).message }]),
        )
        // Looked at again with the next change, whichever source has it.
        one.changed = true
      }
    }
    if (problems.length > 0) throw new ConfigError(`Cannot read the settings of system "${system}"`, problems)
    return read
  }

  const apply = async (begin: boolean): Promise<void> => {
    if (!(await readAll(begin))) return
    const layers = opened.flatMap(({ snapshot }) => snapshot!.layers)
    const { values, problems, entries, unknown } = await judge(layers, services, config.keys)
    if (values === undefined) throw new ConfigError(`Cannot use the settings of system "${system}"`, problems)
    if (stopped) return
    // In one step: no call begins between two of them.
    for (const [service, cell] of cells) cell.value = values.get(service)
    accepted = { version: accepted.version + 1, since: runtime.clock.now(), entries, unknown }
    refused = undefined
    if (!begin) log.info('Settings have changed', { version: accepted.version })
    const secrets = new Set(entries.filter(({ secret }) => secret).map(({ key }) => key))
    for (const { source, snapshot } of opened)
      if (source.remote === true && source.freshness().state === 'fresh')
        await lastGood
          .save(source.name, snapshot!, { secrets, keys: await openKeys(config), random: runtime.random })
          .catch((error: unknown) => log.warn(`Cannot keep the settings of "${source.name}" for a start without it`, { error }))
  }

  const follow = (): void => {
    applying ??= (async () => {
      // What comes while it is applied is applied after that.
      for (let seen = -1; !stopped && seen !== news;) {
        seen = news
        await apply(false).catch(refuse)
      }
    })().finally(() => {
      applying = undefined
    })
  }

  const refuse = (error: unknown): void => {
    const problems = problemsOf(error)
    const before = refused?.problems.map(problemText).join('\n')
    const since = refused?.since ?? runtime.clock.now()
    refused = { since, problems }
    if (before !== problems.map(problemText).join('\n'))
      log.error('A change of settings was refused, and those before go on', { reasons: problems.map(problemText) })
  }

  try {
    for (const adapter of config.sources) {
      const source = await adapter(world)
      const one: Opened = { source, snapshot: undefined, changed: true }
      opened.push(one)
      watching.push(
        source.watch(() => {
          one.changed = true
          news++
          if (accepted.version > 0) follow()
        }),
      )
    }
    await apply(true)
    if (news > 0) follow()
  } catch (error) {
    await stop()
    throw error
  }
  const status = (): ConfigStatus => ({
    ...accepted,
    sources: opened.map(({ source }) => ({ name: source.name, freshness: source.freshness() })),
    refused,
  })
  return {
    of: (service) => {
      const cell = cells.get(service)
      return () => cell?.value
    },
    status,
    warnings: () => warningsOf(status()),
    readings: () => readingsOf(status()),
    stop,
  }
}

const openKeys = async ({ keys }: ConfigOptions): Promise<readonly Uint8Array[]> => (await keys?.read().catch(() => [])) ?? []

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
