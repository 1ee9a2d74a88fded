/** The day or month that a moment lies in, as a calendar of some place has it, and when it ends. */
export type PeriodKind = 'day' | 'month'
export type Period = {
  /** `2026-12-01`, `2026-12` */
  readonly key: string
  /** Milliseconds since the epoch: the first moment of the next one. */
  readonly ends: number
}

const DAY = 86_400_000
/** Longer than any: a day has 25 hours where clocks are set back, and a little more where a place has changed its zone. */
const LONGEST = { day: 2 * DAY, month: 33 * DAY } as const

/** Whether this machine knows the time zone. */
export function isZone(zone: string): boolean {
  try {
    return zone !== '' && new Intl.DateTimeFormat('en', { timeZone: zone }).format(0) !== ''
  } catch {
    return false
  }
}

/** Tells the period of a moment. What it found is kept as long as moments lie in it. */
export function periodsOf(kind: PeriodKind, zone: string): (now: number) => Period {
  // ISO's own order of the parts.
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone,
    ...{ year: 'numeric', month: '2-digit', ...(kind === 'day' && { day: '2-digit' }) },
  })
  const keyOf = (at: number): string => {
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]))
    return [parts['year'], parts['month'], ...(kind === 'day' ? [parts['day']] : [])].join('-')
  }
  let known: (Period & { readonly from: number }) | undefined
  return (now) => {
    if (known !== undefined && now >= known.from && now < known.ends) return known
    const key = keyOf(now)
    let [inside, beyond] = [now, now + LONGEST[kind]]
    while (beyond - inside > 1) {
      const between = Math.floor((inside + beyond) / 2)
      if (keyOf(between) === key) inside = between
      else beyond = between
    }
    return (known = { key, ends: beyond, from: now })
  }
}
