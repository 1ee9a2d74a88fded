/** A step as others are compared with it; events are named. */
export type Step = {
  readonly event: string
  readonly after: readonly string[]
  readonly within: number | undefined
  readonly optional: boolean
  readonly unless: readonly string[]
  readonly ends: boolean
}

/** The first message of a step, by the time of its publisher. `at`: when one was first seen here, by the clock of the store. */
export type Seen = { readonly id: string; readonly time: number; readonly at: number }

/** What is known of an instance. `late`: steps that were told of as late. */
export type Known = { readonly seen: Readonly<Record<string, Seen>>; readonly late: readonly string[] }

export type Missing = {
  readonly event: string
  /** When its turn came, by the time of publishers (milliseconds since the epoch). */
  readonly since: number
  /** When it is late, by the clock of the store; undefined where it may take for ever. */
  readonly due: number | undefined
}

/** The same whatever the order in which messages come, and however often. */
export function withSeen(known: Known, event: string, { id, time, at }: Seen): Known {
  const before = known.seen[event]
  const first = before === undefined || time < before.time || (time === before.time && id < before.id)
  if (!first) return known
  return { ...known, seen: { ...known.seen, [event]: { id, time, at: before?.at ?? at } } }
}

export function hasEnded(steps: readonly Step[], { seen }: Known): boolean {
  return steps.some(({ event, ends }) => ends && seen[event] !== undefined)
}

/** The steps whose turn has come, and which have not: none once the end is reached. */
export function missingOf(steps: readonly Step[], known: Known): readonly Missing[] {
  const { seen } = known
  if (hasEnded(steps, known)) return []
  return steps.flatMap(({ event, after, within, optional, unless }) => {
    const before = after.map((name) => seen[name])
    const turn = before.length > 0 && before.every((one) => one !== undefined)
    if (!turn || optional || seen[event] !== undefined || unless.some((name) => seen[name] !== undefined)) return []
    const at = Math.max(...before.map((one) => one!.at))
    return [{ event, since: Math.max(...before.map((one) => one!.time)), due: within === undefined ? undefined : at + within }]
  })
}

/** When the next step is late that nobody has been told of; undefined when there is none. */
export function dueOf(steps: readonly Step[], known: Known): number | undefined {
  const due = missingOf(steps, known).flatMap((one) => (one.due === undefined || known.late.includes(one.event) ? [] : [one.due]))
  return due.length === 0 ? undefined : Math.min(...due)
}

/** What was seen, in the order of its publishers' times. */
export function pathOf({ seen }: Known): readonly { readonly event: string; readonly id: string; readonly time: number }[] {
  return Object.entries(seen)
    .map(([event, { id, time }]) => ({ event, id, time }))
    .toSorted((a, b) => a.time - b.time || (`${a.id} ${a.event}` < `${b.id} ${b.event}` ? -1 : 1))
}
