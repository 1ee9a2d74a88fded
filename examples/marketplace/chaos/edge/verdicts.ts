import type { EdgeResult } from './edge.ts'
import { PRIORITIES, type Priority, type Seen } from './load.ts'

export type Verdict = { readonly check: string; readonly wanted: string; readonly seen: string; readonly ok: boolean }

/** Milliseconds by which a call may outlast its deadline: what a busy machine takes to wake who waits. */
const SLACK = 250
/** The part of the capacity that must come out whatever is offered, and of the calls of those who buy that must be answered. */
const [GOODPUT, IMPORTANT] = [0.9, 0.99]

/** What was seen, beside what must be. */
export function verdictsOf({ kills, frozen, overload }: EdgeResult, deadline: number): readonly Verdict[] {
  const { seen, measured, goodput } = overload
  const [high, normal, low] = PRIORITIES.map((priority) => answeredOf(seen, priority)) as [number, number, number]
  return [
    {
      check: `kill -9 of a copy, ${kills.back.length} times`,
      wanted: '0 calls failed',
      seen: [`${lost(kills.seen)} of ${count(kills.seen.all.calls)}`, ...reasons(kills.seen)].join(', '),
      ok: kills.back.length > 0 && lost(kills.seen) === 0,
    },
    onTime('  its callers', kills.seen, deadline),
    {
      check: 'SIGSTOP of a copy',
      wanted: 'it is left out',
      seen: frozen.ejected === undefined ? 'never' : `after ${frozen.ejected} ms`,
      ok: frozen.ejected !== undefined,
    },
    onTime('  its callers', frozen.seen, deadline),
    {
      check: '  SIGCONT',
      wanted: 'it is called again',
      seen: frozen.readmitted === undefined ? 'never' : `after ${frozen.readmitted} ms`,
      ok: frozen.readmitted !== undefined,
    },
    {
      check: 'three times the capacity',
      wanted: `${percent(GOODPUT)} of ${count(measured)}/s`,
      seen: `${count(goodput)}/s, ${percent(goodput / measured)}`,
      ok: goodput >= GOODPUT * measured,
    },
    onTime('  its callers', seen, deadline),
    { check: '  who buys', wanted: `${percent(IMPORTANT)} answered`, seen: percent(high, 1), ok: high >= IMPORTANT },
    {
      check: '  others',
      wanted: 'who counts is shed first',
      seen: `looks ${percent(normal)}, counts ${percent(low)} answered`,
      ok: high >= normal && normal > low,
    },
  ]
}

/** Calls of those who count may be put off while there is one copy for all. */
const lost = ({ all, of }: Seen): number => all.failed + of.high.shed + of.normal.shed
const percent = (part: number, digits = 0): string => `${(part * 100).toFixed(digits)} %`
const count = (value: number): string => value.toLocaleString('en')
const reasons = ({ why, all }: Seen): readonly string[] => [
  ...(all.shed > 0 ? [`${all.shed} shed`] : []),
  ...Object.entries(why).map(([code, times]) => `${times} ${code}`),
]

function answeredOf({ of }: Seen, priority: Priority): number {
  const { calls, answered } = of[priority]
  return calls === 0 ? 0 : answered / calls
}

function onTime(check: string, { late, longest }: Seen, deadline: number): Verdict {
  return { check, wanted: `${count(deadline)} ms at most`, seen: `the longest took ${count(longest)} ms`, ok: late <= SLACK }
}

/** One table of all of them. */
export function tableOf(verdicts: readonly Verdict[]): readonly string[] {
  const rows = [
    ['check', 'wanted', 'seen', ''],
    ...verdicts.map(({ check, wanted, seen, ok }) => [check, wanted, seen, ok ? 'ok' : 'NOT OK']),
  ]
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
