import { buildCommand } from '@stricli/core'
import type { Command } from '@stricli/core'
import type { FaultKind, Outcome, Report } from '@dure/simulation'
import type { Thread } from '@dure/simulation/internal'
import { describeThrown } from 'dure/contract/internal'
import { relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { importFile, systemFile } from '../load.ts'
import { CliError, EXIT, paint, print, say } from '../shell.ts'
import type { Shell } from '../shell.ts'
import { textWidth } from '../width.ts'
import { systemParameter } from './parameters.ts'

type Flags = {
  readonly seeds?: number
  readonly from?: number
  readonly replay?: number
  readonly threads?: number
  readonly faults?: readonly string[]
  readonly json?: boolean
  readonly shrink: boolean
}

/** The largest seed there is: they are words of 32 bits. */
const MOST = 0xffffffff
/** Milliseconds between two words about how far it has come. */
const NEWS = 5_000

export const simCommand: Command<Shell> = buildCommand({
  docs: {
    brief: 'Run a system under simulation, from seeds',
    fullDescription: [
      'Runs the system that a file exports in one thread under virtual time: real code, and around it crashes between any two ' +
        'steps, frozen processes that come back, partitions, slow and full disks, clocks that jump, messages delayed, lost and ' +
        'delivered twice. Then everything is healed, and its invariants are checked. What users do and what must hold is the ' +
        'export "simulation" of the same file.',
      '',
      'A seed that fails is made as small as it can be made and shown step by step; the same seed gives the same run again. ' +
        'Exits with 1 when a seed fails.',
      '',
      'Examples:',
      '  dure sim system.ts --seeds 10000',
      '  dure sim system.ts --seeds 10000 --from 20001',
      '  dure sim system.ts --replay 4711',
      '  dure sim system.ts --faults crash --faults freeze',
    ].join('\n'),
  },
  parameters: {
    flags: {
      seeds: { kind: 'parsed', parse: wholeNumber(1), optional: true, placeholder: 'N', brief: 'How many (default 100)' },
      from: {
        kind: 'parsed',
        parse: wholeNumber(0),
        optional: true,
        placeholder: 'SEED',
        brief: 'The first of them (default 1)',
      },
      replay: { kind: 'parsed', parse: wholeNumber(0), optional: true, placeholder: 'SEED', brief: 'Show one run, step by step' },
      threads: {
        kind: 'parsed',
        parse: wholeNumber(1, 256),
        optional: true,
        placeholder: 'N',
        brief: 'Default: one for each core',
      },
      faults: {
        kind: 'parsed',
        parse: String,
        optional: true,
        variadic: true,
        placeholder: 'KIND',
        brief: 'Only faults of this kind; may be repeated',
      },
      json: { kind: 'boolean', optional: true, withNegated: false, brief: 'Print the report as JSON' },
      shrink: { kind: 'boolean', default: true, brief: 'Make the first failing run smaller (default)' },
    },
    positional: { kind: 'tuple', parameters: [systemParameter] },
  },
  async func(this: Shell, flags: Flags, given?: string): Promise<void> {
    const file = systemFile(given, this.cwd)
    const { describeOutcome, describeReport, explore, FAULTS, loadSimulation, shrink, timeline } =
      await import('@dure/simulation')
    const { openThread } = await import('@dure/simulation/internal')
    const faults = checkFaults(flags.faults, FAULTS)
    const shown = relative(this.cwd, file) || file
    // First alone: what is thrown by the file itself is told with its place.
    await importFile(file, shown)
    const { simulation, expects } = await loadSimulation(pathToFileURL(file).href, shown).catch((cause: unknown) => {
      // The library's words begin so; anything else was thrown by the file's own functions.
      const misuse = cause instanceof TypeError && cause.message.startsWith('Cannot simulate')
      if (misuse) throw new CliError(cause.message, { cause, exitCode: EXIT.misuse })
      throw cannotRun(shown, cause)
    })
    const inThread = async <T>(work: (thread: Thread) => Promise<T>): Promise<T> => {
      const thread = openThread({ file, faults })
      return work(thread).finally(thread.close)
    }
    const look = { columns: this.columns, widthOf: textWidth }
    const lines = { ...look, fault: (line: string) => paint(this, 'red', line) }

    const show = async (outcome: Outcome): Promise<void> => {
      if (!flags.shrink || outcome.kind === 'nondeterministic') return print(this, paint(this, 'red', describeOutcome(outcome)))
      say(this, `Making seed ${outcome.seed} smaller`)
      const { seed } = outcome
      const small = await inThread(({ simulate: run }) => shrink({ simulation, seed, outcome, run }))
      const { faults: left, steps } = small.outcome
      print(this, paint(this, 'red', describeOutcome(small.outcome)))
      const size = `${counted(left.length, 'fault')} and ${counted(steps.length, 'step')} of users`
      print(this, `\nThe smallest such run of ${small.runs} has ${size}:\n`)
      print(this, timeline(small.outcome, lines))
    }

    if (flags.replay !== undefined) {
      const seed = flags.replay
      const { outcome } = await inThread(
        async ({ ask }) => (await ask({ kind: 'seed', seed, verify: 1, record: true })).result,
      ).catch((cause: unknown) => {
        throw cannotRun(shown, cause)
      })
      if (flags.json === true) print(this, JSON.stringify(outcome, undefined, 2))
      else {
        print(this, timeline(outcome, { ...lines, most: 100_000 }))
        print(this, `\n${paint(this, outcome.kind === 'held' ? 'green' : 'red', describeOutcome(outcome))}`)
      }
      if (outcome.kind !== 'held') this.process.exitCode = EXIT.failed
      return
    }

    const { seeds = 100, from = 1, threads } = flags
    if (from + seeds - 1 > MOST) {
      throw new CliError(`Cannot run ${counted(seeds, 'seed')} from ${from}: the last seed there is is ${MOST}`, {
        exitCode: EXIT.misuse,
      })
    }
    say(this, `Running ${counted(seeds, 'seed')} from ${from}`)
    let done = 0
    let failed = 0
    let told = performance.now()
    const report = await explore({
      file,
      expects,
      seeds,
      from,
      faults,
      ...(threads !== undefined && { threads }),
      onSeed: ({ outcome }) => {
        done++
        if (outcome.kind !== 'held') {
          failed++
          // The whole of the first is told at the end.
          say(this, describeOutcome(outcome).split('\n', 1)[0]!)
        }
        if (performance.now() - told < NEWS) return
        told = performance.now()
        say(this, `${done} of ${counted(seeds, 'seed')}, ${failed} failed`)
      },
      onAgain: () => {
        done = failed = 0
        say(this, 'Modules remember earlier runs: starting again, with all of them loaded anew for each run')
      },
      onSlow: (seed, ms) => say(this, `Seed ${seed} has been running for ${Math.round(ms / 1_000)} s`),
    }).catch((cause: unknown) => {
      throw cannotRun(shown, cause)
    })
    if (report.seeds < seeds) {
      say(this, `Stopped after ${counted(report.failed, 'seed')} that failed; ${seeds - report.seeds} were not run`)
    }
    if (flags.json === true) print(this, JSON.stringify(asJson(report), undefined, 2))
    else print(this, describeReport(report, look))
    const [first] = report.failures
    if (first === undefined) return
    this.process.exitCode = EXIT.failed
    if (flags.json === true) return
    print(this, '')
    await show(first)
    print(this, `\nShow it again: dure sim ${given ?? ''} --replay ${first.seed}`.replaceAll('  ', ' '))
  },
})

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

/** A system that cannot be run at all, or a run that does not end. */
function cannotRun(shown: string, cause: unknown): CliError {
  if (cause instanceof CliError) return cause
  const { message } = describeThrown(cause)
  return new CliError(message.startsWith('Cannot simulate') ? message : `Cannot simulate "${shown}": ${message}`, { cause })
}

/** The report without the lines of its runs. */
function asJson(report: Report): unknown {
  return { ...report, failures: report.failures.map(({ lines: _lines, ...rest }) => rest) }
}

function checkFaults(given: readonly string[] | undefined, known: readonly FaultKind[]): readonly FaultKind[] | undefined {
  const wrong = given?.find((kind) => !known.includes(kind as FaultKind))
  if (wrong === undefined) return given as readonly FaultKind[] | undefined
  throw new CliError(`Cannot simulate faults of kind "${wrong}": there are ${known.map((kind) => `"${kind}"`).join(', ')}`, {
    exitCode: EXIT.misuse,
  })
}

function wholeNumber(least: number, most: number = MOST): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= least && number <= most) return number
    throw new Error(`"${text}" is not a whole number from ${least} to ${most}`)
  }
}
