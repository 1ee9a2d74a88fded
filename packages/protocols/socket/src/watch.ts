import type { CloseCode } from './closing.ts'
import type { SocketState } from './served.ts'

/** Sees to it that a connection says something, and takes what is sent to it. */
export type Watch = {
  /** Something came. */
  readonly heard: () => void
  /** Something that was sent has been taken. */
  readonly moved: () => void
  /** What it says first has come. */
  readonly greeted: () => void
  readonly stop: () => void
}

export function watchConnection(
  { limits, world }: SocketState,
  on: {
    /** More is sent to it than it takes. */
    readonly isBehind: () => boolean
    /** Asks whether anybody is there; false where that cannot be asked now. */
    readonly ask: () => boolean
    readonly end: (code: CloseCode, reason: string) => void
  },
): Watch {
  const { timers, clock } = world.runtime
  let unanswered = 0
  let moved = clock.monotonic()
  const greeting = timers.after(limits.hello, () => on.end(1008, `It has said nothing for ${limits.hello} ms`))

  const beat = (): void => {
    beating = timers.after(limits.heartbeat, beat)
    if (!on.isBehind()) moved = clock.monotonic()
    else if (clock.monotonic() - moved >= limits.stall)
      return on.end(4413, `Nothing that was sent has been taken for ${limits.stall} ms`)
    if (unanswered >= 2) return on.end(4408, `Nothing has been heard for ${2 * limits.heartbeat} ms`)
    if (on.ask()) unanswered++
  }
  let beating = timers.after(limits.heartbeat, beat)

  return {
    heard: () => void (unanswered = 0),
    moved: () => void (moved = clock.monotonic()),
    greeted: () => greeting.cancel(),
    stop: () => {
      greeting.cancel()
      beating.cancel()
    },
  }
}
