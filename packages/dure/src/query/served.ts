import type { ExtensionHost } from '../service/internal.ts'
import type { ModelPosition, Served } from './model.ts'
import type { Projection } from './projection.ts'

/** A build as handlers of one call read it. */
export function servedOf({ runtime }: ExtensionHost, { version, store }: Projection, context: object): Served<number, unknown> {
  const { clock, timers } = runtime
  const has = async ({ event, key, sequence }: ModelPosition): Promise<boolean> => {
    const found = 'SELECT 1 AS found FROM dure_model_numbers WHERE topic = ? AND key = ? AND sequence >= ?'
    return (await store.select(found, [event.topic, key, sequence])).length > 0
  }
  return {
    version,
    read: store.read,
    snapshot: store.snapshot,
    age: async () => {
      const [row] = await store.select('SELECT max(newest) AS newest FROM dure_positions')
      const newest = row?.['newest'] ?? null
      return newest === null ? undefined : Math.max(0, clock.now() - Number(newest))
    },
    at: async (position, options = {}) => {
      const { deadline, signal } = context as { readonly deadline: number; readonly signal: AbortSignal }
      const left = (deadline - clock.monotonic()) * 0.9
      const until = clock.monotonic() + Math.min(left, options.timeout ?? left)
      for (let pause = 2; ; pause = Math.min(pause * 2, 100)) {
        if (await has(position)) return true
        const rest = until - clock.monotonic()
        if (rest <= 0 || signal.aborted) return false
        await timers.sleep(Math.min(pause, rest), signal)
      }
    },
  }
}
