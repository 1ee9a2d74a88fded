/** Who was taken out, so that what was sent before does not bring it back, whenever it comes. */
import type { Clock } from 'dure/runtime'
import type { EurekaInstance } from './instance.ts'
import { OVERTAKEN } from './lease.ts'

/** What is written down of one that was taken out. */
export type Gone = { readonly app: string; readonly id: string; readonly dirty: number }

export type Tombstones = {
  readonly add: (instance: EurekaInstance) => void
  readonly drop: (app: string, id: string) => void
  readonly find: (app: string, id: string) => Gone | undefined
  /** Whether a registration was sent before, or by who was on the way out. */
  readonly isLate: (instance: EurekaInstance) => boolean
}

const MOST = 10_000

export function createTombstones(options: {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly gone: readonly Gone[]
  /** There are too many, and this one is forgotten. */
  readonly onForget: (app: string, id: string) => void
}): Tombstones {
  const { clock, onForget } = options
  const gone = new Map<string, Gone & { readonly at: number; readonly lease: number }>()
  const keyOf = (app: string, id: string): string => `${app}/${id}`
  for (const each of options.gone) gone.set(keyOf(each.app, each.id), { ...each, at: Number.NEGATIVE_INFINITY, lease: 0 })
  return {
    add: ({ app, id, dirty = -1, lease }) => {
      gone.set(keyOf(app, id), { app, id, dirty, at: clock.monotonic(), lease: lease.duration * 1000 })
      if (gone.size <= MOST) return
      const oldest = gone.values().next().value!
      gone.delete(keyOf(oldest.app, oldest.id))
      onForget(oldest.app, oldest.id)
    },
    drop: (app, id) => void gone.delete(keyOf(app, id)),
    find: (app, id) => gone.get(keyOf(app, id)),
    isLate: ({ app, id, dirty, status }) => {
      const taken = gone.get(keyOf(app, id))
      if (taken === undefined) return false
      const since = clock.monotonic() - taken.at
      // The very message of before; or one that was sent before it was taken out; or the last word of who goes, sent again.
      if (dirty !== undefined && dirty === taken.dirty) return true
      if (dirty !== undefined && dirty < taken.dirty && since < OVERTAKEN) return true
      return status === 'DOWN' && since < Math.min(taken.lease, OVERTAKEN)
    },
  }
}
