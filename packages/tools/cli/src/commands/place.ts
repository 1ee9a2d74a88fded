import type { Command } from '@stricli/core'
import type { PlaceRequest } from 'dure/supervisor'
import { hang, table } from '@dure/simulation/text/internal'
import type { ProcessReading } from '@dure/operator/internal'
import { askPlace, askPlacement, askPlan } from '../control/control.ts'
import { visible } from '../format.ts'
import { CliError, EXIT, layoutOf, paint, type Layout, type Shell } from '../shell.ts'
import { changeOf, comparisonText, measure, measureHop, predict, readinessText, type Readiness } from '../readiness/readiness.ts'
import {
  byFlag,
  common,
  confirmed,
  defineCommand,
  directoryOf,
  parsedFlag,
  printResult,
  switchFlag,
  whoIs,
  wholeNumber,
  yesFlag,
  type Common,
} from './parameters.ts'

type Flags = Common & { readonly yes?: boolean; readonly by?: string; readonly report?: boolean; readonly seconds?: number }

/** Seconds over which is measured what a move costs. */
const SECONDS = 3

export const placeCommand: Command<Shell> = defineCommand({
  brief: 'Show which process runs what, and move a service while it works',
  help: `
        Moves a service of a system that was started with --split to a process of its own (out), or into the process of another
        service (in), while both work. The new process is loaded first. Where the store of the service is exclusive, its calls
        wait, within their deadline, until it is open there; where it is shared, or there is none, the one is there before the
        other leaves. When the move fails on the way, the service goes on where it was.

        Before it a report says what the move changes and what it is going to cost: from calls measured over some seconds, what
        a call within a process and to another takes on this machine, and the memory of the processes. After it the same is
        measured. With --report nothing moves; with --seconds 0 nothing is measured.

        Without BESIDE a service goes back in where it came from, or into the only process that is shared. Without arguments
        it shows the processes and what each runs. A move lasts until the system is started anew: what is to stay belongs into
        its "placement". The broker and the doors stay where they are.`,
  examples: [
    'dure place',
    'dure place orders out',
    'dure place orders out --report',
    'dure place orders in',
    'dure place orders in stock --yes',
  ],
  flags: {
    ...common,
    yes: yesFlag,
    by: byFlag,
    report: switchFlag('Only say what it would change and cost'),
    seconds: parsedFlag(wholeNumber(0, 600), 'N', `Measure over so many seconds (default ${SECONDS})`),
  },
  positional: {
    kind: 'tuple',
    parameters: [
      { parse: String, optional: true, placeholder: 'SERVICE', brief: 'Which service moves' },
      { parse: whereOf, optional: true, placeholder: 'in|out', brief: 'Into a process that others share, or to its own' },
      { parse: String, optional: true, placeholder: 'BESIDE', brief: 'A service whose process takes it in' },
    ],
  },
  async func(this: Shell, flags: Flags, service?: string, where?: PlaceRequest['where'], beside?: string): Promise<void> {
    const directory = directoryOf(this, flags)
    const processes = await askPlacement(directory)
    if (service === undefined) return printResult(this, flags, processes, () => placementText(processes, layoutOf(this)))
    if (where === undefined) {
      throw new CliError(`Cannot move "${service}": say where, "in" or "out"`, { exitCode: EXIT.misuse })
    }
    const request = { service, where, beside }
    const seconds = flags.seconds ?? SECONDS
    const report = seconds === 0 && flags.report !== true ? undefined : await readinessOf(directory, request, seconds)
    if (report !== undefined && (flags.report === true || flags.json !== true)) {
      printResult(this, flags, report, () => readinessText(report, layoutOf(this)))
    }
    if (flags.report === true) return
    if (flags.yes !== true) {
      const plan = report?.plan ?? (await askPlan(directory, request))
      const question = `Move "${service}" from "${plan.from}" to "${plan.to}"?`
      await confirmed(this, { question, cannot: `Cannot move "${service}" ${where}` })
    }
    const moved = await askPlace(directory, request, whoIs(flags.by))
    const change = report && changeOf(service, report.before, await measure(directory, seconds))
    const after = await askPlacement(directory)
    const layout = layoutOf(this)
    printResult(this, flags, { moved, report, change, processes: after }, () =>
      [
        ...(report ? [''] : []),
        hang('', movedText(moved), layout.columns),
        ...(report && change ? ['', comparisonText(report.predicted, change, layout)] : []),
        ...['', placementText(after, layout)],
      ].join('\n'),
    )
  },
})

async function readinessOf(directory: string, request: PlaceRequest, seconds: number): Promise<Readiness> {
  // What cannot be is said before anything is measured.
  const plan = await askPlan(directory, request)
  const before = await measure(directory, Math.max(1, seconds))
  const made = { plan, before, hop: await measureHop() }
  return { ...made, predicted: predict(made) }
}

function movedText({ service, from, to, ms, away }: Awaited<ReturnType<typeof askPlace>>): string {
  const waited = away === 0 ? 'no call waited' : `calls waited ${Math.round(away)} ms`
  return `"${service}" moved from "${from}" to "${to}" in ${Math.round(ms)} ms; ${waited}`
}

function whereOf(text: string): PlaceRequest['where'] {
  if (text === 'in' || text === 'out') return text
  throw new Error(`"${text}" is neither "in" nor "out"`)
}

/** Processes, and what each runs, as a table. */
export function placementText(processes: readonly ProcessReading[], layout: Layout): string {
  const rows = processes.map(({ name, pid, members }) => [
    visible(name),
    pid === undefined ? '-' : String(pid),
    members.map(visible).join(', '),
  ])
  const [head = '', ...lines] = table([['PROCESS', 'PID', 'RUNS'], ...rows], {
    columns: layout.columns,
    shorten: [0, 2],
    right: [1],
  })
  return [paint(layout, 'dim', head), ...lines].join('\n')
}
