import { COUNT, WHOLE_WAIT, type Ranges } from '../runtime/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { Tracer } from '../telemetry/internal.ts'
import type { DoorCalls } from './host.ts'
import { Refusal } from './refusal.ts'

/** What every door bounds, whatever its protocol. Times in milliseconds. */
export type DoorLimits = {
  /** Calls in hand at once; more are refused. */
  readonly requests: number
  /** The longest deadline that a client may ask for. */
  readonly deadline: number
  /** How long a close waits for answers that are under way. */
  readonly drain: number
  /** How long a door whose place another process takes keeps idle connections. */
  readonly handover: number
  /** A silent stream says this often that it is there. */
  readonly heartbeat: number
}

/** What a door has of them unless it says otherwise. */
export const DOOR_LIMITS: DoorLimits = Object.freeze({
  requests: 1_000,
  deadline: 60_000,
  drain: 10_000,
  handover: 5_000,
  heartbeat: 15_000,
})

/** What each of them may be. */
export const DOOR_RANGES: Ranges<DoorLimits> = Object.freeze({
  requests: COUNT,
  deadline: WHOLE_WAIT,
  drain: WHOLE_WAIT,
  handover: WHOLE_WAIT,
  heartbeat: WHOLE_WAIT,
})

/** What all handlers of one open door share. */
export type OpenState<Limits extends DoorLimits = DoorLimits> = {
  /** The door's name. */
  readonly door: string
  readonly limits: Limits
  readonly world: {
    readonly runtime: Runtime
    readonly log: Logger
    readonly telemetry?: { readonly tracer: Tracer } | undefined
  }
  readonly host: DoorCalls & { readonly remembers: (service: string) => boolean }
  /** Set when the door starts to close: it takes nothing new. */
  closing: boolean
  /** Calls in hand. */
  calls: number
  /** Ends a stream that is being sent, with the reason. */
  readonly streams: Set<() => void>
}

export function openState<State extends Pick<OpenState, 'door' | 'limits' | 'world' | 'host'>>(
  of: State,
): State & { closing: boolean; calls: number; readonly streams: Set<() => void> } {
  return { ...of, closing: false, calls: 0, streams: new Set() }
}

/** Counts one more call in hand, which is over with `state.calls--`; says why when there are too many. */
export function admit(state: Pick<OpenState, 'calls' | 'limits'>): Refusal | undefined {
  if (state.calls >= state.limits.requests) {
    return new Refusal('OVERLOADED', `Cannot take the request: ${state.limits.requests} are in hand; try again soon`)
  }
  state.calls++
  return undefined
}

/**
 * Closes a door: whoever connects from now on is for another process, if there is one; streams are ended, then what is under way is
 * waited for, and what is left after `drain` (and `timeout` over all) is cut.
 * @param how.letGo when another process takes its place: stops listening, and resolves when no connection is left
 * @param how.close stops listening, and resolves when no connection is left
 * @param how.cut ends the connections there are
 */
export async function closeDoor(
  state: OpenState,
  how: {
    readonly timeout?: number | undefined
    readonly letGo?: (() => Promise<void>) | undefined
    readonly close: () => Promise<void>
    readonly cut: () => void
  },
): Promise<void> {
  state.closing = true
  const { clock, timers } = state.world.runtime
  const { drain, handover } = state.limits
  const until = clock.monotonic() + (how.timeout ?? drain)
  // No more connections, before the streams end: who opens one again is to find the other process.
  const gone = how.letGo && within(Math.min(handover, how.timeout ?? drain), how.letGo())
  for (const end of state.streams) end()
  await gone
  // Answers under way end their connections themselves; what is left after the wait is cut.
  const timer = timers.after(Math.max(0, Math.min(drain, until - clock.monotonic())), how.cut, 'waited')
  try {
    await how.close()
  } finally {
    timer.cancel()
  }

  function within(ms: number, work: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = timers.after(ms, resolve, 'waited')
      work.then(resolve, reject).finally(() => timer.cancel())
    })
  }
}
