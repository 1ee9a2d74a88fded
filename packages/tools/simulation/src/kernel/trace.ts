import { hashText, mix } from './chance.ts'

/** What happened in a run, a line for each port call and each fault; a hash of all lines tells two runs apart. */
export type Trace = {
  readonly add: (time: number, who: string, what: string, detail?: string) => void
  /** Worth reading in a timeline, and no part of the hash. */
  readonly note: (time: number, who: string, what: string, detail?: string) => void
  /** Sixteen hexadecimal digits. */
  readonly hash: () => string
  /** Kept only when the trace records. */
  readonly lines: () => readonly TraceLine[]
}

export type TraceLine = {
  /** Milliseconds since the run began. */
  readonly time: number
  readonly who: string
  readonly what: string
  readonly detail: string | undefined
}

export function createTrace(options: { readonly record: boolean }): Trace {
  const lines: TraceLine[] = []
  const known = new Map<string, number>()
  let high = 0x12345678
  let low = 0x9abcdef0

  const hashed = (text: string): number => {
    let hash = known.get(text)
    if (hash === undefined) known.set(text, (hash = hashText(text)))
    return hash
  }

  return {
    add: (time, who, what, detail) => {
      const moment = Math.floor(time * 1000) >>> 0
      high = mix(high ^ moment, hashed(who))
      low = mix(low ^ hashed(what), high)
      if (detail !== undefined) low = hashText(detail, low)
      if (options.record) lines.push({ time, who, what, detail })
    },
    note: (time, who, what, detail) => {
      if (options.record) lines.push({ time, who, what, detail })
    },
    hash: () => high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0'),
    lines: () => lines,
  }
}
