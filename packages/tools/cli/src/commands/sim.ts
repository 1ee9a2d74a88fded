import type { Command } from '@stricli/core'
import type { FaultKind, Outcome, PlayOptions, SimulateOptions, SimulationSource } from '@dure/simulation'
import type { Thread } from '@dure/simulation/internal'
import { describeThrown } from 'dure/contract/internal'
import { readStoryRecord, type StoryRecord } from 'dure/story'
import { readFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { importFile, systemFile } from '../load.ts'
import { CliError, EXIT, paint, print, say, type Shell } from '../shell.ts'
import { counted } from '../format.ts'
import {
  defineCommand,
  parsedFlag,
  parsedReplicas,
  printResult,
  replicaWords,
  switchFlag,
  systemParameter,
  textFlag,
  wholeNumber,
} from './parameters.ts'

type Flags = {
  readonly seeds?: number
  readonly from?: number
  readonly replay?: number
  readonly threads?: number
  readonly faults?: readonly string[]
  readonly replicas?: SimulateOptions['replicas']
  readonly story?: string
  readonly live?: readonly string[]
  readonly json?: boolean
  readonly shrink: boolean
}

/** The largest seed there is: they are words of 32 bits. */
const MOST = 0xffffffff
/** A mistake that such a run cannot find is told before it, not found out afterwards. */
const KEEPS_MODULES =
  'The simulation makes its system itself, so what modules keep in memory outlives a crash within a run; ' +
  'export the system by default to have it gone, as it is in earnest'
/** Milliseconds between two words about how far it has come. */
const NEWS = 5_000

export const simCommand: Command<Shell> = defineCommand({
  brief: 'Run a system under simulation, from seeds',
  help: `
        Runs the system that a file exports in one thread under virtual time: real code, and around it crashes between any two
        steps, frozen processes that come back, partitions, slow and full disks, clocks that jump, messages delayed, lost and
        delivered twice. Then everything is healed, and its invariants are checked. What users do and what must hold is the
        export "simulation" of the same file.

        With --story it plays what "dure story ORDER --export FILE" has written: the messages that began it come again, calls are
        answered as they were, and the code does the rest. As long as the same goes wrong, or something else, it exits with 1.

        A seed that fails is made as small as it can be made and shown step by step; the same seed gives the same run again.
        Exits with 1 when a seed fails.`,
  examples: [
    'dure sim system.ts --seeds 10000',
    'dure sim system.ts --seeds 10000 --from 20001',
    'dure sim system.ts --replay 4711',
    'dure sim system.ts --story order-17.story.json',
    'dure sim system.ts --faults crash --faults freeze',
    'dure sim system.ts --replicas orders=2,stock=3',
  ],
  flags: {
    seeds: parsedFlag(wholeNumber(1, MOST), 'N', 'How many (default 100)'),
    from: parsedFlag(wholeNumber(0, MOST), 'SEED', 'The first of them (default 1)'),
    replay: parsedFlag(wholeNumber(0, MOST), 'SEED', 'Show one run, step by step'),
    threads: parsedFlag(wholeNumber(1, 256), 'N', 'Default: one for each core'),
    faults: {
      kind: 'parsed',
      parse: String,
      optional: true,
      variadic: true,
      placeholder: 'KIND',
      brief: 'Only faults of this kind; may be repeated',
    },
    replicas: parsedFlag(parsedReplicas, 'SERVICE=N,…', 'How many copies of services run, such as orders=3'),
    story: textFlag('FILE', 'Play what "dure story ORDER --export FILE" has written'),
    live: {
      kind: 'parsed',
      parse: String,
      optional: true,
      variadic: true,
      placeholder: 'SERVICE',
      brief: 'With --story: it answers by its code, not as it did then; may be repeated',
    },
    json: switchFlag('Print the report as JSON'),
    shrink: { kind: 'boolean', default: true, brief: 'Make the first failing run smaller (default)' },
  },
  positional: { kind: 'tuple', parameters: [systemParameter] },
  async func(this: Shell, flags: Flags, given?: string): Promise<void> {
    const file = systemFile(given, this.cwd)
    const library = { ...(await import('@dure/simulation')), ...(await import('@dure/simulation/internal')) }
    const faults = checkFaults(flags.faults, library.FAULTS)
    const shown = relative(this.cwd, file) || file
    // First alone: what is thrown by the file itself is told with its place.
    await importFile(file, shown)
    const { simulation, keepsModules, expects } = await library
      .loadSimulation(pathToFileURL(file).href, shown)
      .catch((cause: unknown) => {
        // The library's words begin so; anything else was thrown by the file's own functions.
        const misuse = cause instanceof TypeError && cause.message.startsWith('Cannot simulate')
        if (misuse) throw new CliError(cause.message, { cause, exitCode: EXIT.misuse })
        throw cannotRun(shown, cause)
      })
    if (keepsModules) say(this, KEEPS_MODULES)
    const play = flags.story === undefined ? undefined : { story: readStory(this, flags.story), live: flags.live }
    const run = { shell: this, flags, library, file, shown, faults, simulation, expects, play }
    if (flags.replay !== undefined || play !== undefined) return replay(run, flags.replay ?? 1)
    const first = await many(run)
    if (first === undefined) return
    this.process.exitCode = EXIT.failed
    if (flags.json === true) return
    print(this, '')
    await showSmall(run, first)
    const copies = flags.replicas === undefined ? '' : replicaWords(flags.replicas).join(' ')
    print(this, `\nShow it again: dure sim ${given ?? ''} ${copies} --replay ${first.seed}`.replaceAll(/ {2,}/g, ' '))
  },
})

function readStory(shell: Shell, file: string): StoryRecord {
  try {
    return readStoryRecord(readFileSync(resolve(shell.cwd, file), 'utf8'))
  } catch (cause) {
    throw new CliError(`Cannot play "${file}": ${(cause as Error).message}`, { cause, exitCode: EXIT.misuse })
  }
}

type Run = {
  readonly shell: Shell
  readonly flags: Flags
  readonly library: typeof import('@dure/simulation') & typeof import('@dure/simulation/internal')
  readonly file: string
  readonly shown: string
  readonly faults: readonly FaultKind[] | undefined
  readonly simulation: SimulationSource
  readonly expects: readonly string[]
  readonly play: PlayOptions | undefined
}

/** One seed, with every line of it. */
async function replay(run: Run, seed: number): Promise<void> {
  const { shell, flags, library, shown } = run
  const outcome = await inThread(run, async ({ ask, simulate }) => {
    // Nothing befalls a story that could be another the next time.
    if (run.play !== undefined) return simulate({ seed, record: true })
    return (await ask({ kind: 'seed', seed, verify: 1, record: true })).result.outcome
  }).catch((cause: unknown) => {
    throw cannotRun(shown, cause)
  })
  printResult(shell, flags, outcome, () => {
    const style = outcome.kind === 'held' ? 'green' : 'red'
    const lines = library.timeline(outcome, { ...lineLayout(shell), most: 100_000 })
    return `${lines}\n\n${paint(shell, style, library.describeOutcome(outcome))}`
  })
  if (outcome.kind !== 'held') shell.process.exitCode = EXIT.failed
}

/** Many seeds; gives the first that failed. */
async function many({ shell, flags, library, file, shown, faults, expects }: Run): Promise<Outcome | undefined> {
  const { seeds = 100, from = 1, threads } = flags
  if (from + seeds - 1 > MOST) {
    throw new CliError(`Cannot run ${counted(seeds, 'seed')} from ${from}: the last seed there is is ${MOST}`, {
      exitCode: EXIT.misuse,
    })
  }
  say(shell, `Running ${counted(seeds, 'seed')} from ${from}`)
  let done = 0
  let failed = 0
  let told = performance.now()
  const report = await library
    .explore({
      ...{ file, expects, seeds, from, faults, replicas: flags.replicas },
      ...(threads !== undefined && { threads }),
      onSeed: ({ outcome }) => {
        done++
        if (outcome.kind !== 'held') {
          failed++
          // The whole of the first is told at the end.
          say(shell, library.describeOutcome(outcome).split('\n', 1)[0]!)
        }
        if (performance.now() - told < NEWS) return
        told = performance.now()
        say(shell, `${done} of ${counted(seeds, 'seed')}, ${failed} failed`)
      },
      onAgain: () => {
        done = failed = 0
        say(shell, 'Modules remember earlier runs: starting again, with all of them loaded anew for each run')
      },
      onSlow: (seed, ms) => say(shell, `Seed ${seed} has been running for ${Math.round(ms / 1_000)} s`),
    })
    .catch((cause: unknown) => {
      throw cannotRun(shown, cause)
    })
  if (report.seeds < seeds) {
    say(shell, `Stopped after ${counted(report.failed, 'seed')} that failed; ${seeds - report.seeds} were not run`)
  }
  const asJson = { ...report, failures: report.failures.map(({ lines: _lines, ...rest }) => rest) }
  printResult(shell, flags, asJson, () => library.describeReport(report, { columns: shell.columns }))
  return report.failures[0]
}

/** A failing run, as small as it can be made. */
async function showSmall(run: Run, outcome: Outcome): Promise<void> {
  const { shell, flags, library, simulation } = run
  const { describeOutcome, shrink, timeline } = library
  if (!flags.shrink || outcome.kind === 'nondeterministic') return print(shell, paint(shell, 'red', describeOutcome(outcome)))
  const { seed } = outcome
  say(shell, `Making seed ${seed} smaller`)
  const small = await inThread(run, ({ simulate }) => shrink({ simulation, seed, outcome, run: simulate }))
  const { faults, steps } = small.outcome
  print(shell, paint(shell, 'red', describeOutcome(small.outcome)))
  const size = `${counted(faults.length, 'fault')} and ${counted(steps.length, 'step')} of users`
  print(shell, `\nThe smallest such run of ${small.runs} has ${size}:\n`)
  print(shell, timeline(small.outcome, lineLayout(shell)))
}

async function inThread<T>({ library, file, faults, flags, play }: Run, work: (thread: Thread) => Promise<T>): Promise<T> {
  const thread = library.openThread({ file, faults, replicas: flags.replicas, play })
  return work(thread).finally(thread.close)
}

function lineLayout(shell: Shell): { readonly columns: number; readonly fault: (line: string) => string } {
  return { columns: shell.columns, fault: (line) => paint(shell, 'red', line) }
}

/** A system that cannot be run at all, or a run that does not end. */
function cannotRun(shown: string, cause: unknown): CliError {
  if (cause instanceof CliError) return cause
  const { message } = describeThrown(cause)
  return new CliError(message.startsWith('Cannot simulate') ? message : `Cannot simulate "${shown}": ${message}`, { cause })
}

function checkFaults(given: readonly string[] | undefined, known: readonly FaultKind[]): readonly FaultKind[] | undefined {
  const wrong = given?.find((kind) => !known.includes(kind as FaultKind))
  if (wrong === undefined) return given as readonly FaultKind[] | undefined
  throw new CliError(`Cannot simulate faults of kind "${wrong}": there are ${known.map((kind) => `"${kind}"`).join(', ')}`, {
    exitCode: EXIT.misuse,
  })
}
