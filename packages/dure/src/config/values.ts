import { CallError } from '../contract/contract.ts'
import { createLive } from '../runtime/internal.ts'
import type { ConfigScalar, ConfigSource } from './source.ts'

/** Settings that a program has in its hand. */
export type LiveValues = (() => ConfigSource) & {
  /** They are these from now on, all of them at once. */
  readonly set: (values: Readonly<Record<string, ConfigScalar>>) => void
}

/**
 * Settings as values by flat keys, in memory: for defaults, and for tests and simulations, which change them while a system runs.
 *
 * @example
 * ```ts
 * import { liveValues } from 'dure/config'
 *
 * const settings = liveValues({ 'payment.timeout': 500 }) // system('shop', { services, config: [settings] })
 * const source = settings()
 * settings.set({ 'payment.timeout': 800 })
 * console.log((await source.read()).layers[0]?.values.get('payment.timeout')) // → { value: 800, from: 'values' }
 * ```
 */
export function liveValues(values: Readonly<Record<string, ConfigScalar>>, name: string = 'values'): LiveValues {
  const live = createLive(values)
  const open = (): ConfigSource => {
    let stopped = false
    const watching = new Set<{ readonly stop: () => void }>()
    return {
      name,
      read: async () => {
        if (stopped) throw new CallError('FAILED_PRECONDITION', `Reading settings of "${name}" was refused: it was stopped`)
        const entries = Object.entries(live.current()).map(([key, value]) => [key, { value, from: name }] as const)
        return { layers: [{ name, values: new Map(entries) }] }
      },
      watch: (changed) => {
        // Told when it counts: whoever reads at once reads the next.
        const one = live.watch(() => queueMicrotask(() => watching.has(one) && changed()))
        watching.add(one)
        const stop = (): void => {
          one.stop()
          watching.delete(one)
        }
        return { stop }
      },
      freshness: () => ({ state: 'fresh' }),
      stop: async () => {
        stopped = true
        for (const one of watching) one.stop()
        watching.clear()
      },
    }
  }
  return Object.assign(open, { set: (next: Readonly<Record<string, ConfigScalar>>) => live.tell({ ...next }) })
}
