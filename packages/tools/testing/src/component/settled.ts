import type { Runtime } from 'dure/runtime'
import { inTime } from 'dure/runtime/internal'
import type { SystemStatus } from 'dure/service'
import type { InFlight } from './in-flight.ts'

/** Waits until nothing is under way. @throws with what still is */
export async function settle(options: {
  readonly name: string
  readonly timeout: number
  readonly runtime: Runtime
  readonly status: () => Promise<SystemStatus>
  /** Calls that the test has made. */
  readonly calls: InFlight
  /** The last that the system said of what went wrong. */
  readonly said: () => readonly string[]
  /** Throws when a fake cannot do what it should. */
  readonly blame: () => void
}): Promise<void> {
  const { name, timeout, runtime, calls, said, blame } = options
  const until = runtime.clock.monotonic() + timeout
  let pause = 0
  /** As it answered last. */
  let status: SystemStatus | undefined
  for (;;) {
    const now = await inTime(runtime.timers, until - runtime.clock.monotonic(), options.status(), () => undefined)
    blame()
    const left = calls.list()
    status = now ?? status
    if (now?.quiet === true && left.length === 0) return
    if (runtime.clock.monotonic() >= until) {
      const words = said()
      const last = words.length === 0 ? '' : `. The last it said: ${words.join('; ')}`
      throw new Error(`"${name}" has not settled after ${timeout} ms: ${underWay(status, left).join(', ')}${last}`)
    }
    // What goes on by itself needs turns of the event loop, and no time; what waits for another try does.
    await runtime.timers.sleep(pause)
    pause = Math.min(pause + 0.1, 5)
  }
}

function underWay(status: SystemStatus | undefined, calls: readonly string[]): readonly string[] {
  return [
    ...(status === undefined ? ['it does not answer'] : []),
    ...[...new Set(calls)],
    ...(status?.services ?? []).flatMap(({ service, outbox, inHand, waiting }) => [
      ...(outbox > 0 ? [`${outbox} not yet delivered from the outbox of "${service}"`] : []),
      ...(inHand > 0 ? [`${inHand} in hand of "${service}"`] : []),
      ...(waiting > 0 ? [`${waiting} of "${service}" waiting for another try`] : []),
    ]),
    ...(status?.lag ?? []).map(({ lag, topic, group }) => `${lag} on "${topic}" not read by "${group}"`),
  ]
}
