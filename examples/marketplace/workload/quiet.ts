import { setTimeout as sleep } from 'node:timers/promises'
import { askStatus, type Get, type StatusNumbers } from './gather.ts'

/** The marketplace did not come to rest: its message says what was still moving. */
export class NotQuietError extends Error {
  override readonly name = 'NotQuietError'
}

/**
 * Waits until nothing is on its way any more: no call in hand, no event unsent, unread or waiting for another try.
 * @throws {NotQuietError} after `seconds`, or at once when only dead letters are left, which nothing but a person moves
 */
export async function waitForQuiet(options: {
  get: Get
  seconds: number
  signal?: AbortSignal
}): Promise<{ readonly ms: number }> {
  const { get, seconds, signal } = options
  const begun = performance.now()
  let last = 'it has not answered'
  while (performance.now() - begun < seconds * 1000) {
    signal?.throwIfAborted()
    try {
      const status = await askStatus(get)
      if (status.quiet || onlyDead(status)) return { ms: performance.now() - begun }
      last = moving(status)
    } catch (error) {
      last = `asking it failed: ${(error as Error).message}`
    }
    await sleep(100, undefined, { signal })
  }
  throw new NotQuietError(`The marketplace did not become quiet within ${seconds} s: ${last}`)
}

/** Dead letters alone keep it from being quiet: the invariants then say what they cost. */
function onlyDead({ services, lag }: StatusNumbers): boolean {
  const still = services.every(({ callsInFlight, outbox, waiting }) => callsInFlight + outbox + waiting === 0)
  return still && lag.every((group) => group.lag === 0) && services.some(({ dead }) => dead > 0)
}

function moving({ services, lag }: StatusNumbers): string {
  const parts = services.flatMap(({ service, callsInFlight, outbox, waiting, dead }) =>
    Object.entries({ calls: callsInFlight, 'events unsent': outbox, 'events waiting': waiting, 'dead letters': dead })
      .filter(([, value]) => value > 0)
      .map(([what, value]) => `${service} ${what} ${String(value)}`),
  )
  for (const { group, lag: behind } of lag) if (behind > 0) parts.push(`${group} is ${behind} events behind`)
  return parts.length > 0 ? parts.join(', ') : 'it says so without a reason'
}
