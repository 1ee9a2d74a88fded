import type { Clock, Timers } from 'dure/runtime'
import type { ChangeEntry, Hands } from './entries.ts'

/** Which processes live, by what they write into the log: each measures that by its own monotonic clock. */
export type Presence = {
  readonly heard: (by: string) => void
  /** An entry of this process, with this number, is about to be written; and has come back. */
  readonly sent: (n: number) => void
  readonly echoed: (n: number) => void
  /** Whether a word of this process has come back that was said within so many milliseconds. */
  readonly isHeard: (within: number) => boolean
  /** Milliseconds since a process was heard of; from the first question on where it has not been. */
  readonly silence: (process: string) => number
  /** Everybody is given time again: this process has heard nothing itself. */
  readonly forgetSilence: () => void
  /** What this process has in hand of each queue that it receives from. */
  readonly tellHands: (hands: () => Hands) => void
  readonly hasHands: () => boolean
  /** What is to be said of that in an entry; once more when there is nothing any more. */
  readonly toTell: () => Pick<ChangeEntry, 'hands'>
  readonly told: (entry: ChangeEntry, offset: number) => void
  /** The hands of every process that lives, as each says when it is asked by the entry at that offset. */
  readonly answers: (offset: number) => Promise<readonly Hands[]>
}

/** Milliseconds within which processes say what they have in hand. */
const ANSWER = 1_000

export function createPresence({ clock, timers, lease }: { clock: Clock; timers: Timers; lease: number }): Presence {
  const times = new Map<string, number>()
  const sent = new Map<number, number>()
  const others = new Map<string, { readonly hands: Hands; readonly offset: number }>()
  let own = (): Hands => ({})
  let [echo, hasTold] = [-Infinity, false]

  const silence = (process: string): number => {
    const at = times.get(process)
    if (at === undefined) times.set(process, clock.monotonic())
    return at === undefined ? 0 : clock.monotonic() - at
  }
  const hasAny = (): boolean => Object.keys(own()).length > 0

  return {
    silence,
    heard: (by) => void times.set(by, clock.monotonic()),
    sent: (n) => void sent.set(n, clock.monotonic()),
    echoed: (n) => {
      echo = Math.max(echo, sent.get(n) ?? -Infinity)
      for (const before of sent.keys()) if (before <= n) sent.delete(before)
    },
    isHeard: (within) => clock.monotonic() - echo < within,
    forgetSilence: () => times.clear(),
    tellHands: (hands) => void (own = hands),
    hasHands: () => hasTold || hasAny(),
    toTell: () => {
      const tells = hasTold || hasAny()
      hasTold = hasAny()
      return tells ? { hands: own() } : {}
    },
    told: ({ by, hands }, offset) => void (hands && others.set(by, { hands, offset })),
    answers: async (offset) => {
      const asked = clock.monotonic()
      const isOpen = ([by, told]: readonly [string, { readonly offset: number }]): boolean =>
        told.offset < offset && silence(by) < lease
      while (clock.monotonic() - asked < ANSWER && others.entries().some(isOpen)) await timers.sleep(5)
      for (const by of others.keys()) if (silence(by) > lease) others.delete(by)
      return [own(), ...others.values().map(({ hands }) => hands)]
    },
  }
}
