import type { Verdict } from '../edge/verdicts.ts'
import { DEADLINE, type GatewayRunResult } from './run.ts'

/** Milliseconds by which a request may outlast its deadline: what a busy machine takes to wake who waits. */
const SLACK = 500

const count = (value: number): string => value.toLocaleString('en')

/** What was seen, beside what must be. */
export function verdictsOf({ phases, transactions, invariants }: GatewayRunResult): readonly Verdict[] {
  const held = invariants.filter(({ ok }) => ok).length
  const broken = invariants.flatMap(({ ok, name, detail }) => (ok ? [] : [`${name}: ${detail}`]))
  return [
    ...phases.flatMap(({ name, times, seen, bought }): readonly Verdict[] => [
      {
        check: `${name}, ${times} ${times === 1 ? 'time' : 'times'}`,
        wanted: '0 reads failed',
        seen: `${seen.failed} of ${count(seen.requests)}`,
        ok: seen.requests > 0 && seen.failed === 0,
      },
      {
        check: '  who reads',
        wanted: `${count(DEADLINE)} ms at most`,
        seen: `the longest took ${count(seen.longest)} ms`,
        ok: seen.longest <= DEADLINE + SLACK,
      },
      ...(bought === undefined
        ? []
        : [
            {
              check: '  who buys',
              wanted: '0 requests failed',
              seen: `${bought.failed} of ${count(bought.requests)}`,
              ok: bought.requests > 0 && bought.failed === 0,
            },
          ]),
    ]),
    {
      check: `${count(transactions)} transactions`,
      wanted: `${invariants.length} invariants hold`,
      seen: [`${held} of ${invariants.length}`, ...broken].join('; '),
      ok: invariants.length > 0 && held === invariants.length,
    },
  ]
}
