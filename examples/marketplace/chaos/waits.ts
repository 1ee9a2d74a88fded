import type { DoorClient, Reply } from '../workload/door.ts'

/** How long requests took, and how many failed, between two moments; those under way at its end count with what they took. */
export type Waits = {
  /** Watches what goes through this door as well. */
  readonly watch: (door: DoorClient) => DoorClient
  readonly begin: () => void
  readonly end: () => Waited
}

export type Waited = { readonly requests: number; readonly failed: number; readonly longest: number }

/**
 * Watches requests to a marketplace of many processes on their way: an answer of 5xx says that one of them failed, and not
 * whether what was asked for has happened, so it counts as none.
 */
export function createWaits(): Waits {
  const underWay = new Set<{ readonly begun: number }>()
  let [requests, failed, longest, since] = [0, 0, 0, 0]
  const watch: Waits['watch'] = (door) => ({ ...door, send: watched(door.send) })
  const watched =
    (send: DoorClient['send']): DoorClient['send'] =>
    async (method, path, body) => {
      const one = { begun: performance.now() }
      underWay.add(one)
      const reply = doubtful(await send(method, path, body))
      underWay.delete(one)
      requests++
      if (reply.kind !== 'answer') failed++
      longest = Math.max(longest, performance.now() - Math.max(one.begun, since))
      return reply
    }
  return {
    watch,
    begin: () => {
      requests = failed = longest = 0
      since = performance.now()
    },
    end: () => {
      for (const { begun } of underWay) longest = Math.max(longest, performance.now() - Math.max(begun, since))
      return { requests, failed, longest: Math.round(longest) }
    },
  }
}

function doubtful(reply: Reply): Reply {
  if (reply.kind !== 'answer' || reply.status < 500) return reply
  return { kind: 'unknown', error: new Error(`${reply.status} ${reply.text.slice(0, 200)}`) }
}
