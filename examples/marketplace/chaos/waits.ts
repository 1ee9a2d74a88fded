import type { DoorClient, Reply } from '../workload/door.ts'

/** How long requests took, and how many failed, between two moments; those under way at its end count with what they took. */
export type Waits = {
  readonly begin: () => void
  readonly end: () => { readonly requests: number; readonly failed: number; readonly longest: number }
}

/**
 * A door client for a marketplace of many processes: an answer of 5xx says that one of them failed, and not whether what
 * was asked for has happened, so it counts as none. Requests are watched on their way.
 */
export function watchedDoor(door: DoorClient): { readonly door: DoorClient; readonly waits: Waits } {
  const underWay = new Set<{ readonly begun: number }>()
  let [requests, failed, longest, since] = [0, 0, 0, 0]
  const send: DoorClient['send'] = async (method, path, body) => {
    const one = { begun: performance.now() }
    underWay.add(one)
    const reply = doubtful(await door.send(method, path, body))
    underWay.delete(one)
    requests++
    if (reply.kind !== 'answer') failed++
    longest = Math.max(longest, performance.now() - Math.max(one.begun, since))
    return reply
  }
  return {
    door: { ...door, send },
    waits: {
      begin: () => {
        requests = failed = longest = 0
        since = performance.now()
      },
      end: () => {
        for (const { begun } of underWay) longest = Math.max(longest, performance.now() - Math.max(begun, since))
        return { requests, failed, longest: Math.round(longest) }
      },
    },
  }
}

function doubtful(reply: Reply): Reply {
  if (reply.kind !== 'answer' || reply.status < 500) return reply
  return { kind: 'unknown', error: new Error(`${reply.status} ${reply.text.slice(0, 200)}`) }
}
