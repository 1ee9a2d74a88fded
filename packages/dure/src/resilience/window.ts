/** What has happened lately, counted by kind: numbers that old news leaves again. */
export type Window = {
  /** One more. `now`: monotonic milliseconds. */
  readonly add: (kind: number, now: number) => void
  /** How many of a kind there are. */
  readonly count: (kind: number, now: number) => number
  readonly clear: (now: number) => void
}

/** A window of time moves in this many steps: what is in it leaves a step at a time. */
const SLICES = 10

/** What has happened within the last `ms` milliseconds. */
export function timeWindow(ms: number, kinds: number, now: number): Window {
  const width = ms / SLICES
  const counts = new Float64Array(SLICES * kinds)
  const totals = new Float64Array(kinds)
  let slice = Math.floor(now / width)
  let end = (slice + 1) * width

  const moveTo = (now: number): void => {
    const next = Math.floor(now / width)
    for (let passed = Math.max(slice + 1, next - SLICES + 1); passed <= next; passed++) {
      const first = (passed % SLICES) * kinds
      for (let kind = 0; kind < kinds; kind++) {
        totals[kind]! -= counts[first + kind]!
        counts[first + kind] = 0
      }
    }
    slice = next
    end = (next + 1) * width
  }
  return {
    add: (kind, now) => {
      if (now >= end) moveTo(now)
      counts[(slice % SLICES) * kinds + kind]!++
      totals[kind]!++
    },
    count: (kind, now) => {
      if (now >= end) moveTo(now)
      return totals[kind]!
    },
    clear: (now) => {
      moveTo(now)
      counts.fill(0)
      totals.fill(0)
    },
  }
}

/** What the last `size` were, whenever that was. */
export function countWindow(size: number, kinds: number): Window {
  const last = new Uint8Array(size)
  const totals = new Float64Array(kinds)
  let at = 0
  let full = false
  return {
    add: (kind) => {
      if (full) totals[last[at]!]!--
      last[at] = kind
      totals[kind]!++
      if (++at === size) {
        at = 0
        full = true
      }
    },
    count: (kind) => totals[kind]!,
    clear: () => {
      totals.fill(0)
      at = 0
      full = false
    },
  }
}
