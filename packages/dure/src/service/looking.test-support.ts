import type { MetricFamily } from '../telemetry/telemetry.ts'
import type { Door, World } from './service.ts'

/** A door through which nobody comes: a test has what its process is told. */
export type Looking = {
  readonly door: Door
  readonly telemetry: () => NonNullable<World['telemetry']>
  /** Of all processes, as far as they answer. */
  readonly metrics: () => Promise<readonly MetricFamily[]>
}

export function looking(): Looking {
  let telemetry: World['telemetry']
  const door: Door = {
    name: 'looking',
    open: async (_host, world) => {
      telemetry = world.telemetry
      return { url: undefined, close: async () => {} }
    },
  }
  return { door, telemetry: () => telemetry!, metrics: () => telemetry!.metrics.readEverywhere() }
}
