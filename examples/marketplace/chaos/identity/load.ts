import { setTimeout as sleep } from 'node:timers/promises'
import type { Way } from './gateway.ts'

/** What those saw who asked one way. */
export type Seen = {
  readonly requests: number
  /** How often each status was answered; 0: no answer. */
  readonly statuses: Readonly<Record<number, number>>
  /** Milliseconds. */
  readonly longest: number
}

export type Load = { readonly end: () => Promise<Readonly<Record<Way, Seen>>> }

/** Has some ask each way, one request after the other, until it is ended. */
export function beginLoad(options: {
  readonly ask: (way: Way) => Promise<number>
  readonly ways: readonly Way[]
  readonly readers: number
}): Load {
  const { ask, ways, readers } = options
  let over = false
  const each = ways.map((way) => {
    const statuses: Record<number, number> = {}
    let [requests, longest] = [0, 0]
    const reader = async (): Promise<void> => {
      while (!over) {
        const begun = performance.now()
        const status = await ask(way).catch(() => 0)
        longest = Math.max(longest, Math.round(performance.now() - begun))
        statuses[status] = (statuses[status] ?? 0) + 1
        requests++
        await sleep(5)
      }
    }
    const all = Promise.all(Array.from({ length: readers }, reader))
    return { way, all, seen: (): Seen => ({ requests, statuses, longest }) }
  })
  return {
    end: async () => {
      over = true
      await Promise.all(each.map(({ all }) => all))
      return Object.fromEntries(each.map(({ way, seen }) => [way, seen()])) as Readonly<Record<Way, Seen>>
    },
  }
}
