import { createHash } from 'node:crypto'
import { describeThrown } from '../contract/internal.ts'
import { ConfigError, type ConfigProblem } from './errors.ts'
import type { LastGood } from './files/last-good.ts'
import type { ConfigContent } from './release.ts'
import type { ConfigAdapter, ConfigFreshness, ConfigLayer, ConfigSnapshot, ConfigSource, ConfigWorld } from './source.ts'
import { markOf } from './polled.ts'

type Opened = {
  readonly source: ConfigSource
  snapshot: ConfigSnapshot | undefined
  /** It may have something else to read. */
  changed: boolean
}

/** The sources of a system as this process reads them. */
export type Sources = {
  /**
   * Reads those that may have something else than before; `begin`: all of them, and what was last good of those that are away. `besides`:
   * sources whose content is known from elsewhere, and which may fail.
   * @throws {ConfigError} naming all that cannot be read
   */
  readonly read: (how?: { readonly begin?: boolean; readonly besides?: ConfigContent | undefined }) => Promise<boolean>
  /** What is shared of them. */
  readonly content: () => ConfigContent
  /** Of this content, and of what is this process's own. */
  readonly layers: (content: ConfigContent) => readonly ConfigLayer[]
  readonly freshness: () => readonly { readonly name: string; readonly freshness: ConfigFreshness }[]
  /** Keeps what was accepted of those that can be away. */
  readonly keep: (content: ConfigContent, secrets: ReadonlySet<string>) => Promise<void>
  readonly stop: () => Promise<void>
}

export async function openSources(options: {
  readonly system: string
  readonly adapters: readonly ConfigAdapter[]
  readonly world: ConfigWorld
  readonly lastGood: LastGood
  readonly keys: () => Promise<readonly Uint8Array[]>
  /** Told when one of them may have something else. */
  readonly changed: () => void
}): Promise<Sources> {
  const { system, adapters, world, lastGood, keys, changed } = options
  const opened: Opened[] = []
  const watching: { readonly stop: () => void }[] = []
  const stop = async (): Promise<void> => {
    for (const one of watching) one.stop()
    await Promise.all(opened.map(({ source }) => source.stop()))
  }
  try {
    for (const adapter of adapters) {
      const one: Opened = { source: await adapter(world), snapshot: undefined, changed: true }
      opened.push(one)
      watching.push(
        one.source.watch(() => {
          one.changed = true
          changed()
        }),
      )
    }
  } catch (error) {
    await stop()
    throw error
  }

  const read: Sources['read'] = async ({ begin = false, besides } = {}) => {
    const problems: ConfigProblem[] = []
    let any = begin
    for (const one of opened) {
      if (!one.changed) continue
      one.changed = false
      try {
        one.snapshot = await one.source.read()
        any = true
      } catch (error) {
        const away = error instanceof ConfigError && error.away
        if (away && begin && one.source.remote === true) one.snapshot = await lastGood.load(one.source.name, await keys())
        one.snapshot ??= besides?.snapshots.get(one.source.name)
        if (one.snapshot !== undefined && (away || besides !== undefined)) continue
        problems.push(
          ...(error instanceof ConfigError ? error.problems : [{ from: one.source.name, why: describeThrown(error).message }]),
        )
        // Looked at again with the next change, whichever source has it.
        one.changed = true
      }
    }
    if (problems.length > 0) throw new ConfigError(`Cannot read the settings of system "${system}"`, problems)
    return any
  }

  const shared = opened.filter(({ source }) => source.perProcess !== true)
  return {
    read,
    content: () => contentOf(new Map(shared.map(({ source, snapshot }) => [source.name, snapshot!]))),
    layers: ({ snapshots }) => opened.flatMap(({ source, snapshot }) => (snapshots.get(source.name) ?? snapshot)?.layers ?? []),
    freshness: () => opened.map(({ source }) => ({ name: source.name, freshness: source.freshness() })),
    keep: async ({ snapshots }, secrets) => {
      for (const { source } of shared)
        if (source.remote === true && source.freshness().state === 'fresh')
          await lastGood
            .save(source.name, snapshots.get(source.name)!, { secrets, keys: await keys(), random: world.runtime.random })
            .catch((error: unknown) =>
              world.log.warn(`Cannot keep the settings of "${source.name}" for a start without it`, { error }),
            )
    },
    stop,
  }
}

function contentOf(snapshots: ReadonlyMap<string, ConfigSnapshot>): ConfigContent {
  const hash = createHash('sha256')
  for (const [name, snapshot] of snapshots) hash.update(JSON.stringify([name, markOf(snapshot)]))
  return { mark: hash.digest('base64'), snapshots }
}
