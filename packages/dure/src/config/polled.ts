import { createHash } from 'node:crypto'
import { CallError } from '../contract/contract.ts'
import { describeThrown } from '../contract/internal.ts'
import { ConfigError } from './errors.ts'
import type { ConfigFreshness, ConfigSnapshot, ConfigSource, ConfigWorld } from './source.ts'

export type PolledOptions = {
  readonly name: string
  readonly remote?: boolean
  /** Milliseconds between two looks. */
  readonly interval: number
  /** Whether a change counts only when two looks have found the same: for what may be half written. */
  readonly settled?: boolean
  /** @throws {ConfigError} `away` when it cannot be reached */
  readonly look: () => Promise<ConfigSnapshot>
  readonly stop?: () => Promise<void>
}

/** Milliseconds after which a change that was seen once is looked at again. */
const SETTLING = 100

/**
 * A source that is looked at again and again while somebody watches it.
 *
 * @example
 * ```ts
 * import { polledSource } from 'dure/config'
 * import { realRuntime } from 'dure/runtime'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const look = async () => ({ layers: [{ name: 'fixed', values: new Map([['a', { value: 1, from: 'here' }]]) }] })
 * const world = { directory: '.dure', runtime: realRuntime(), log: silentLogger() }
 * const source = polledSource({ name: 'fixed', interval: 500, look }, world)
 * console.log((await source.read()).layers[0]?.values.get('a')) // → { value: 1, from: 'here' }
 * await source.stop()
 * ```
 */
export function polledSource(options: PolledOptions, { runtime, log }: ConfigWorld): ConfigSource {
  const { name, remote, interval, settled = false, look } = options
  const { clock, timers } = runtime
  const watchers = new Set<() => void>()
  let freshness: ConfigFreshness = { state: 'fresh' }
  let stopped = false
  /** What those who watch were last told, and what was found since. */
  let told: string | undefined
  let found: string | undefined
  let timer: { readonly cancel: () => void } | undefined

  const read = async (): Promise<ConfigSnapshot> => {
    if (stopped) throw new CallError('FAILED_PRECONDITION', `Reading settings of "${name}" was refused: it was stopped`)
    try {
      const snapshot = await look()
      if (freshness.state === 'stale') log.info(`Settings of "${name}" are fresh again`, { source: name })
      freshness = { state: 'fresh' }
      return snapshot
    } catch (error) {
      const why = describeThrown(error).message
      if (!(error instanceof ConfigError && error.away)) freshness = { state: 'fresh' }
      else if (freshness.state === 'fresh') freshness = { state: 'stale', since: clock.now(), why }
      else freshness = { ...freshness, why }
      throw error
    }
  }

  const mark = async (): Promise<string> => {
    try {
      return markOf(await read())
    } catch (error) {
      return describeThrown(error).message
    }
  }

  const again = async (): Promise<void> => {
    const now = await mark()
    if (watchers.size === 0 || stopped) return
    const steady = !settled || now === found
    found = now
    if (told === undefined) told = now
    else if (now !== told && steady) {
      told = now
      for (const changed of watchers) changed()
    }
    // What has begun to change is looked at again soon, to see whether that is all.
    timer = timers.after(steady ? interval : Math.min(interval, SETTLING), () => void again())
  }

  return {
    name,
    ...(remote !== undefined && { remote }),
    read: async () => {
      const snapshot = await read()
      told ??= markOf(snapshot)
      return snapshot
    },
    watch: (changed) => {
      // Each is somebody of its own, whoever it is.
      const one = (): void => changed()
      watchers.add(one)
      if (watchers.size === 1 && !stopped) timer = timers.after(interval, () => void again())
      return {
        stop: () => {
          watchers.delete(one)
          if (watchers.size === 0) timer?.cancel()
        },
      }
    },
    freshness: () => freshness,
    stop: async () => {
      if (stopped) return
      stopped = true
      watchers.clear()
      timer?.cancel()
      await options.stop?.()
    },
  }
}

/** Tells snapshots apart by what they have. */
export function markOf({ layers, revision }: ConfigSnapshot): string {
  const hash = createHash('sha256').update(JSON.stringify(revision ?? null))
  for (const { name, values } of layers) hash.update(JSON.stringify([name, ...values]))
  return hash.digest('base64')
}
