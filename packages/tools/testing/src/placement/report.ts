import { inspect } from 'node:util'
import { causesOf } from '@dure/simulation/internal'
import { counted, hang } from '@dure/simulation/text/internal'
import type { Finding, OperationReport, PlacementReport } from './check.ts'
import type { Outcome } from './outcome.ts'
import type { Step } from './plan.ts'

/**
 * A report as text, for a terminal `width` columns wide. Default 80.
 *
 * @example
 * ```ts
 * import { checkPlacement, describeReport, placements } from '@dure/testing'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { zone: query({ output: z.string() }) } })
 * const time = system('time', { services: [service(Clock, { handlers: { zone: () => 'UTC' } })] })
 * const report = await checkPlacement({ system: time, placements: [placements.tcp], runs: 2 })
 * console.log(describeReport(report, 100).split('\n')[0]) // → time: together, over TCP; 2 calls of each operation, seed 1
 * ```
 */
export function describeReport(report: PlacementReport, width: number = 80): string {
  const { placements, services, system, runs, seed } = report
  const lines: string[] = []
  lines.push(hang('', `${system}: ${placements.join(', ')}; ${runs} calls of each operation, seed ${seed}`, width), '')
  const name = Math.max(...services.map(({ service }) => service.length))
  const row = (head: string, text: string): string => hang(`${head.padEnd(name)}  `, text, width)
  for (const { service, operations } of services) {
    const [calls, answers] = [sum(operations, (row) => row.calls), sum(operations, (row) => row.answered)]
    const wrong = operations.flatMap((row) => together(row.findings, likeness)).length
    const ended = `${counted(answers, 'answer')}, ${counted(calls - answers, 'error')}`
    const unanswered = operations.filter(isNeverAnswered).map((row) => `${row.operation} (${row.errors.join(', ')})`)
    const text = `${resultOf(wrong, unanswered.length, operations.length)}; ${counted(operations.length, 'operation')}, ${counted(calls, 'call')}: ${ended}`
    lines.push(row(service, text))
    if (unanswered.length > 0) {
      const told = `never answered well, so only their errors were compared: ${unanswered.join(', ')}`
      lines.push(row('', told))
    }
    const varying = operations.flatMap((row) => row.varying.map((path) => `${row.operation}${path}`))
    if (varying.length > 0) lines.push(row('', `compared by kind only, as they vary by themselves: ${varying.join(', ')}`))
  }
  for (const { operations } of services)
    for (const row of operations)
      for (const alike of together(row.findings, likeness)) lines.push('', ...describeFinding(alike, width))
  const found = services.flatMap(({ operations }) => operations.flatMap((row) => row.findings))
  if (found.some(({ repeats, difference }) => report.asked.length > 0 || !repeats || difference.what === 'two moments'))
    lines.push('', hang('', causesOf(report.asked), width))
  const never = services.reduce((sum, { operations }) => sum + operations.filter(isNeverAnswered).length, 0)
  const fine =
    never === 0
      ? 'No difference found: placement does not change behaviour.'
      : `No difference found, but ${counted(never, 'operation')} never answered well: what they answer was not compared.`
  lines.push('', hang('', report.ok ? fine : 'Placement changes behaviour.', width))
  return lines.join('\n')
}

const isNeverAnswered = ({ calls, answered }: OperationReport): boolean => calls > 0 && answered === 0

function resultOf(differences: number, unanswered: number, operations: number): string {
  if (differences > 0) return counted(differences, 'difference')
  if (unanswered === 0) return 'equal'
  return unanswered === operations ? 'not compared' : `equal but for ${counted(unanswered, 'operation')}`
}

/** What looks the same in several placements is told once. */
function together<T>(findings: readonly T[], key: (finding: T) => string): readonly (readonly T[])[] {
  return [...Map.groupBy(findings, key).values()]
}

const likeness = ({ difference, steps, other, repeats }: Finding): string =>
  inspect([difference, steps, other, repeats], { depth: 8 })

const listing = new Intl.ListFormat('en')
const placesOf = (findings: readonly { readonly placement: string }[]): string =>
  listing.format(findings.map(({ placement }) => placement))

function describeFinding(alike: readonly Finding[], width: number): string[] {
  const found = alike[0]!
  const { service, operation, difference, steps } = found
  const where = placesOf(alike)
  const lines = [hang('', `${service}.${operation} differs ${where}: ${difference.what}${at(difference.path)}`, width)]
  for (const { input, incoming, ...step } of steps) {
    const given = incoming === undefined ? input : { input, incoming }
    lines.push(...shown(`call ${step.service}.${step.operation}${mannerOf(step)}`, given, width))
  }
  lines.push(...shown('together', said(found.together), width), ...shown(where, said(found.other), width))
  if (!found.repeats)
    lines.push(
      hang(
        '  ',
        'It did not happen again from a fresh start: chance, time or memory outside the database may be at work.',
        width,
      ),
    )
  return lines
}

const at = (path: string): string => (path === '' ? '' : ` at ${path}`)

function mannerOf({ manner }: Pick<Step, 'manner'>): string {
  switch (manner.kind) {
    case 'plain':
      return ''
    case 'aborted':
      return ' (given up before it was sent)'
    case 'late':
      return ' (sent with no time left)'
    case 'keyed':
      return ` (idempotency key "${manner.key}")`
  }
}

/** An outcome without what says nothing. */
function said(outcome: Outcome): unknown {
  if (outcome.kind === 'answer') return outcome.value
  if (outcome.kind === 'failure') return short(outcome.error)
  if (outcome.kind === 'silence') return 'no answer and no error, long after the deadline'
  return { values: outcome.values, end: typeof outcome.end === 'string' ? outcome.end : short(outcome.end) }
}

function short(failure: object): unknown {
  return Object.fromEntries(
    Object.entries(failure).filter(([key, value]) => value !== undefined && !(key === 'fields' && isEmpty(value))),
  )
}

const isEmpty = (value: unknown): boolean => typeof value === 'object' && value !== null && Object.keys(value).length === 0

function shown(label: string, value: unknown, width: number): string[] {
  const text = inspect(value, { depth: 8, breakLength: width - 6, maxArrayLength: 20, maxStringLength: 200, sorted: false })
  const lines = text.split('\n').map((line) => hang(`    ${/^ */.exec(line)![0]}`, line.trimStart(), width))
  const [first = ''] = lines
  if (lines.length === 1 && !first.includes('\n') && label.length + first.length <= width)
    return [`  ${label}: ${first.trimStart()}`]
  return [hang('  ', `${label}:`, width), ...lines]
}

function sum(rows: readonly OperationReport[], of: (row: OperationReport) => number): number {
  return rows.reduce((total, row) => total + of(row), 0)
}
