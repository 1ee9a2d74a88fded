import type { Outcome } from '../run/run.ts'
import { counted, hang, table } from '../text.ts'
import type { SeedResult } from './try-seed.ts'

/** What many seeds have shown. */
export type Report = {
  readonly seeds: number
  readonly held: number
  /** The first of those that did not hold, by seed. */
  readonly failures: readonly Outcome[]
  /** How many did not hold. */
  readonly failed: number
  /** Seeds that were run twice, with the same result. */
  readonly verified: number
  /** Of each rare thing: in how many seeds it was seen, and how often in all. */
  readonly sometimes: Readonly<Record<string, { readonly seeds: number; readonly times: number }>>
  /** What was expected to be seen and was not. */
  readonly never: readonly string[]
  /** Steps that users made. */
  readonly steps: number
  readonly refused: number
  /** Milliseconds of virtual time, of processor time of all threads, and of the clock on the wall. */
  readonly virtual: number
  readonly processor: number
  readonly elapsed: number
}

/** What the kernel itself looks out for. */
export const RARE: readonly string[] = [
  'a call was sent again',
  'an instance was left out',
  'a call that had waited too long was not begun',
  'a session with the broker was over',
  'a commit was not answered',
  'the inbox knew a message',
  'a message was parked',
  'a message died',
  'a dead letter was tried again',
  'a batch that was done came again',
  'a frozen owner lost its store',
  'a process came back after its successor had started',
  'a revived process was fenced off its store',
]

/** Failures kept whole; of more only the number is. */
const MOST_FAILURES = 20

export function createReport(expected: readonly string[]): {
  readonly add: (result: SeedResult) => void
  readonly report: (cost: { readonly processor: number; readonly elapsed: number }) => Report
} {
  const seen = new Map<string, { seeds: number; times: number }>()
  const failures: Outcome[] = []
  let [seeds, held, failed, verified, steps, refused, virtual] = [0, 0, 0, 0, 0, 0, 0]
  return {
    add: ({ outcome, verified: twice }) => {
      seeds++
      if (twice) verified++
      if (outcome.kind === 'held') held++
      else {
        failed++
        failures.push(outcome)
        failures.sort((a, b) => a.seed - b.seed)
        if (failures.length > MOST_FAILURES) failures.pop()
      }
      steps += outcome.steps.length
      refused += outcome.refused
      virtual += outcome.virtual
      for (const [what, times] of Object.entries(outcome.sometimes)) {
        const one = seen.get(what) ?? { seeds: 0, times: 0 }
        seen.set(what, { seeds: one.seeds + 1, times: one.times + times })
      }
    },
    report: (cost) => ({
      seeds,
      held,
      failures: [...failures],
      failed,
      verified,
      sometimes: Object.fromEntries([...seen].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      never: [...new Set([...RARE, ...expected])].filter((what) => !seen.has(what)),
      steps,
      refused,
      virtual,
      ...cost,
    }),
  }
}

/**
 * The report for people: the sum, then each thing that was seen with how often, in groups, and what never was.
 * @param options.columns where it is folded; default 80
 *
 * @example
 * ```ts
 * import { describeReport, explore } from '@dure/simulation'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * const report = await explore({
 *   seeds: 1,
 *   simulation: {
 *     system: system('time', { services: [clock] }),
 *     load: { duration: 5_000, step: async ({ client }) => void (await client(Clock).now()) },
 *     invariants: { 'somebody can be asked': async ({ client }) => void (await client(Clock).now()) },
 *   },
 * })
 * console.log(describeReport(report, { columns: 80 }).split('\n')[0])
 * // → 1 seed: 1 held, 0 did not; 1 run twice with the same result
 * ```
 */
export function describeReport(report: Report, options: { readonly columns?: number } = {}): string {
  const { seeds, held, failed, verified, sometimes, never, steps, refused, virtual, processor, elapsed } = report
  const { columns = 80 } = options
  const perSecond = processor === 0 ? '–' : ((seeds * 1_000) / processor).toFixed(1)
  const lines = [
    `${counted(seeds, 'seed')}: ${held} held, ${failed} did not; ${verified} run twice with the same result`,
    `${counted(steps, 'step')} of users, ${refused} refused`,
    `${virtualText(virtual)} of virtual time in ${(elapsed / 1_000).toFixed(1)} s, ${perSecond} seeds a second on one core`,
  ]
  if (steps === 0) lines.push('No user made a step, so nothing was put to the test: look at "duration", "pause" and "clients"')
  const groups = SECTIONS.map(({ title, begins }, at) => ({
    title,
    rows: Object.entries(sometimes)
      .filter(([what]) => SECTIONS.findIndex((one) => what.startsWith(one.begins)) === at)
      .map(([what, one]) => [what.slice(begins.length), String(one.seeds), String(one.times)]),
  })).filter(({ rows }) => rows.length > 0)
  // In one table, so that the numbers of all groups stand under one another.
  const [head, ...rows] = table([['', 'seeds', 'times'], ...groups.flatMap((group) => group.rows)], { columns, right: [1, 2] })
  for (const [at, { title, rows: own }] of groups.entries())
    lines.push('', at === 0 ? title + head!.slice(title.length) : title, ...rows.splice(0, own.length))
  if (never.length > 0) lines.push('', 'Never seen', ...never.map((what) => hang('  ', what, columns)))
  return lines.join('\n')
}

/** What the kernel counts by kinds, and what was seen once or never. */
const SECTIONS = [
  { title: 'Faults', begins: 'fault: ' },
  { title: 'Crashes', begins: 'crash ' },
  { title: 'Seen', begins: '' },
] as const

function virtualText(ms: number): string {
  return ms < 3_600_000 ? `${(ms / 60_000).toFixed(1)} minutes` : `${(ms / 3_600_000).toFixed(1)} hours`
}
