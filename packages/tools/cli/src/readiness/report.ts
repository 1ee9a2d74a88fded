import type { Plan } from 'dure/supervisor'
import { hang, table } from '@dure/simulation/text/internal'
import { durationText, visible } from '../format.ts'
import { paint, type Layout } from '../shell.ts'
import type { Hop } from './hop.ts'
import type { Measured, MeasuredOperation } from './measure.ts'

/** What a move is going to cost, out of what was measured before it. */
export type Prediction = {
  /** Milliseconds that a call takes longer (less than 0: shorter) which goes to another process than now, or no longer does. */
  readonly latency: number
  /** Calls a second that change sides, as they were measured by who calls whom. */
  readonly calls: number
  /** Of one processor, about: a call of the probe is a small one. */
  readonly processor: number
  /** Bytes; undefined where it is not known. */
  readonly memory: number | undefined
}

export type Readiness = {
  readonly plan: Plan
  readonly hop: Hop
  readonly before: Measured
  readonly predicted: Prediction
}

export function predict({ plan, hop, before }: Omit<Readiness, 'predicted'>): Prediction {
  const [more, less] = [ratesOf(plan.apart, before), ratesOf(plan.together, before)]
  const ends = plan.from === plan.service
  const sizes = before.processes.map(({ memory }) => memory).filter((memory) => memory !== undefined)
  const own = before.processes.find(({ name }) => name === plan.from)?.memory
  // A new process is about as large as the smallest that runs the same program.
  const added = ends ? own && -own : plan.to === plan.service && sizes.length > 0 ? Math.min(...sizes) : 0
  return {
    latency: (hop.remote.ms - hop.local.ms) * (plan.apart.length > 0 ? 1 : plan.together.length > 0 ? -1 : 0),
    calls: Math.max(more, less),
    processor: ((more - less) * (hop.remote.cpu - hop.local.cpu)) / 1_000,
    memory: added,
  }
}

/** Calls a second. */
const rateOf = ({ caller, callee }: Plan['apart'][number], { calls }: Measured): number =>
  calls.find((one) => one.caller === caller && one.callee === callee)?.perSecond ?? 0
const ratesOf = (calls: Plan['apart'], measured: Measured): number => sumOf(calls.map((one) => rateOf(one, measured)))

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0)

/** The same, measured: what changed from before to after. */
export type Change = Pick<Prediction, 'processor' | 'memory'> & {
  /** Milliseconds that a call of the service took on the average, before and after. */
  readonly mean: readonly [number | undefined, number | undefined]
}

export function changeOf(service: string, before: Measured, after: Measured): Change {
  const total = (of: 'memory' | 'processor', { processes }: Measured): number => sumOf(processes.map((one) => one[of] ?? 0))
  const known = [...before.processes, ...after.processes].every(({ memory }) => memory !== undefined)
  return {
    processor: total('processor', after) - total('processor', before),
    memory: known ? total('memory', after) - total('memory', before) : undefined,
    mean: [meanOf(service, before), meanOf(service, after)],
  }
}

function meanOf(service: string, { operations }: Measured): number | undefined {
  const own = operations.filter((one) => one.service === service)
  const rate = sumOf(own.map(({ perSecond }) => perSecond))
  return rate === 0 ? undefined : sumOf(own.map(({ perSecond, mean }) => perSecond * mean)) / rate
}

export function readinessText({ plan, hop, before, predicted }: Readiness, layout: Layout): string {
  const say = (text: string): string => hang('  ', text, layout.columns)
  const own = before.operations.filter(({ service }) => service === plan.service)
  const calls = (some: Plan['apart']): string =>
    some.map((one) => `${visible(one.caller)} → ${visible(one.callee)} (${rateOf(one, before).toFixed(1)})`).join(', ')
  return [
    paint(layout, 'bold', `"${visible(plan.service)}" from "${visible(plan.from)}" to "${visible(plan.to)}"`),
    '',
    say(
      plan.overlaps
        ? 'Hand-over: nobody waits; it runs there before it leaves.'
        : 'Hand-over: its store has one owner, so calls wait until it is open there, within their deadline.',
    ),
    say(
      plan.apart.length === 0
        ? 'Calls that begin to cross processes: none.'
        : `Calls that begin to cross processes, and how many a second: ${calls(plan.apart)}.`,
    ),
    ...(plan.together.length === 0 ? [] : [say(`Calls that cross no more, and how many a second: ${calls(plan.together)}.`)]),
    say(
      `A call on this machine: ${durationText(hop.local.ms)} within a process, ${durationText(hop.remote.ms)} to another, with ${durationText(hop.remote.cpu)} of a processor.`,
    ),
    say('Answers: the same by contract; what a service keeps in memory is not. "dure check placement" tries all of it.'),
    '',
    ...operationsTable(own, layout),
    paint(layout, 'bold', 'Predicted'),
    say(
      `latency    ${signed(predicted.latency, durationText)} a call that changes sides, ${predicted.calls.toFixed(1)} of them a second`,
    ),
    say(`processor  ${signed(predicted.processor * 100, percent)} of one, about`),
    say(`memory     ${predicted.memory === undefined ? 'not known on this computer' : signed(predicted.memory, megabytes)}`),
  ].join('\n')
}

function operationsTable(operations: readonly MeasuredOperation[], layout: Layout): readonly string[] {
  if (operations.length === 0) return [hang('  ', 'It was not called while that was measured.', layout.columns), '']
  const rows = operations.map(({ operation, perSecond, mean, p99 }) => [
    visible(operation),
    perSecond.toFixed(1),
    durationText(mean),
    Number.isFinite(p99) ? `< ${durationText(p99)}` : '-',
  ])
  const [head = '', ...lines] = table([['OPERATION', 'CALLS/S', 'MEAN', 'P99'], ...rows], {
    ...{ columns: layout.columns, shorten: [0], right: [1, 2, 3] },
  })
  return [paint(layout, 'dim', head), ...lines, '']
}

/** Prediction and measurement side by side. What a call takes at its caller nobody measures, so it is not among them. */
export function comparisonText(predicted: Prediction, change: Change, layout: Layout): string {
  const [before, after] = change.mean
  const known = before !== undefined && after !== undefined
  const memory = (bytes: number | undefined): string => (bytes === undefined ? '-' : signed(bytes, megabytes))
  const [head = '', ...lines] = table(
    [
      ['', 'PREDICTED', 'MEASURED'],
      ['a call at the service', '+0', known ? signed(after - before, durationText) : 'not called'],
      ['processor, of one', `${signed(predicted.processor * 100, percent)} about`, signed(change.processor * 100, percent)],
      ['memory', memory(predicted.memory), memory(change.memory)],
    ],
    { columns: layout.columns, shorten: [0], right: [1, 2] },
  )
  return [paint(layout, 'dim', head), ...lines].join('\n')
}

const percent = (value: number): string => `${value.toFixed(1)} %`
const megabytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MB`
const signed = (value: number, text: (value: number) => string): string => `${value < 0 ? '-' : '+'}${text(Math.abs(value))}`
