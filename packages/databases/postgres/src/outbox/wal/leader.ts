import type { Clock, Timer, Timers } from 'dure/runtime'
import { LEADER } from '../names.ts'
import type { Control } from './control.ts'
import type { Place } from './slots.ts'

/**
 * Of all relays of an outbox one reads the log, or switches: it has a lock on a session that the server ends when it says
 * nothing for a lease. So it is not for ever that one which is frozen leads, and it asks the clock whether it does still.
 */
export type Leader = {
  readonly leads: () => boolean
  /** Rejects with what has ended its time. */
  readonly ended: Promise<never>
  readonly cancel: () => void
}

type LeaderOptions = {
  readonly control: Control
  readonly place: Place
  /** Milliseconds. */
  readonly lease: number
  readonly runtime: { readonly clock: Clock; readonly timers: Timers }
  readonly interrupt: AbortSignal
  /** Another one leads. */
  readonly waits: () => void
  /** To be done now and then while it leads, on its connection. */
  readonly look: () => Promise<void>
}

/** Milliseconds between looks at whether another one leads still. */
const ELSEWHERE = 200

/** @returns undefined when it was interrupted */
export async function becomeLeader(options: LeaderOptions): Promise<Leader | undefined> {
  const { control, place, lease, runtime, interrupt, waits } = options
  for (; !interrupt.aborted; await runtime.timers.sleep(ELSEWHERE, interrupt)) {
    const asked = runtime.clock.monotonic()
    const [[leads] = []] = await control.query('SELECT pg_try_advisory_lock($1, $2)::int', [place.lock, LEADER])
    if (Number(leads) === 1) return leading(options, asked + lease)
    waits()
  }
  return undefined
}

function leading({ control, lease, runtime, look }: LeaderOptions, first: number): Leader {
  const { clock, timers } = runtime
  const { promise: ended, reject } = Promise.withResolvers<never>()
  ended.catch(() => {})
  void control.over.then(reject)
  let until = first
  let timer: Timer | undefined
  const renew = async (): Promise<void> => {
    const asked = clock.monotonic()
    await look()
    until = asked + lease
    later()
  }
  const later = (): void => void (timer = timers.after(lease / 4, () => void renew().catch(reject)))
  later()
  return { leads: () => clock.monotonic() < until, ended, cancel: () => timer?.cancel() }
}
