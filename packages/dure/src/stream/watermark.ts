import type { SourceTime } from './graph.ts'
import type { Mark } from './mark.ts'

/** One partition of one source, as the watermark sees it. */
export type Input = {
  readonly time: SourceTime
  /** The newest event so far. */
  newest: number
  /** When the last one came; milliseconds of the clock. */
  came: number
  /** Nothing has come for long: others do not wait for it. */
  quiet: boolean
}

/**
 * Event time of some inputs together: nothing older than `now()` is waited for. That is the newest event of each input less its
 * disorder, and of these the least. An input on which nothing comes is not waited for; when nothing comes on any, time goes on
 * with the clock, so that a window closes though nobody says anything more.
 */
export type Watermark = {
  readonly now: () => number
  readonly input: (time: SourceTime, clock: number) => Input
  /** An event of an input came that is newer than all before; true when the watermark has moved. */
  readonly newer: (input: Input, time: number) => boolean
  /** The clock has gone on; true when the watermark has moved. `isRead`: nothing is left to read of an input. */
  readonly tick: (clock: number, isRead?: (input: Input) => boolean) => boolean
  /** Inputs were changed; true when the watermark has moved. */
  readonly settle: () => boolean
  /** Nothing has come on any input for long: it goes on with the clock. */
  readonly isQuiet: () => boolean
  /** As it was noted: it never goes back. */
  readonly restore: (watermark: number) => void
  /** Answers what takes back all that comes from now on. */
  readonly mark: Mark
}

export function createWatermark(): Watermark {
  const inputs: Input[] = []
  let watermark = -Infinity
  /** What it was when this began: an input that has had nothing since was as far at least. */
  let begun = -Infinity

  const raise = (to: number): boolean => {
    if (to <= watermark) return false
    watermark = to
    return true
  }
  const least = (): number => {
    let low = Infinity
    for (const input of inputs) {
      if (input.quiet) continue
      const at = input.newest - input.time.disorder
      if (at < low) low = at
    }
    return low === Infinity ? -Infinity : low
  }

  return {
    now: () => watermark,
    input: (time, clock) => {
      const input = { time, newest: -Infinity, came: clock, quiet: false }
      inputs.push(input)
      return input
    },
    newer: (input, time) => {
      const held = input.newest - input.time.disorder <= watermark
      input.newest = time
      // Only the one that was waited for changes the least of all.
      if (inputs.length === 1) return raise(time - input.time.disorder)
      return held || watermark === -Infinity ? raise(least()) : false
    },
    tick: (clock, isRead) => {
      let allQuiet = inputs.length > 0
      let latest = -Infinity
      for (const input of inputs) {
        const since = clock - input.came - input.time.idle
        input.quiet = since >= 0 && (isRead === undefined || isRead(input))
        if (!input.quiet) allQuiet = false
        else latest = Math.max(latest, Math.max(begun, input.newest - input.time.disorder) + since)
      }
      return raise(allQuiet ? latest : least())
    },
    settle: () => raise(least()),
    isQuiet: () => inputs.every(({ quiet }) => quiet),
    restore: (to) => {
      watermark = to
      begun = to
    },
    mark: () => {
      const was = watermark
      const were = inputs.map(({ newest, came, quiet }) => ({ newest, came, quiet }))
      return () => {
        watermark = was
        for (const [at, input] of inputs.entries()) Object.assign(input, were[at])
      }
    },
  }
}
