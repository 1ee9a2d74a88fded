import type { Command, RouteMap } from '@stricli/core'
import type { Placement } from '@dure/testing'
import { describeThrown } from 'dure/contract/internal'
import { pathToFileURL } from 'node:url'
import { loadSystem } from '../load.ts'
import { CliError, EXIT, say, type Shell } from '../shell.ts'
import { counted } from '../format.ts'
import { defineCommand, defineRoutes, parsedFlag, printResult, switchFlag, systemParameter, wholeNumber } from './parameters.ts'

type Flags = {
  readonly runs?: number
  readonly seed?: number
  readonly json?: boolean
  readonly placement?: readonly ('unix' | 'tcp' | 'each' | 'process' | 'split' | 'threads')[]
}

const placementCommand: Command<Shell> = defineCommand({
  brief: 'Show that services answer alike wherever they run',
  help: `
        Starts copies of the system in different places: together in one process, over a Unix socket, over TCP, in another
        process, and each service in a process of its own. All get the same calls, with inputs made from the contracts, and
        whatever a caller can tell apart is a difference: values, types, errors, who sees whose changes, order, deadlines,
        cancellation, streams. It is shown as small as it can be made, with the calls that lead to it. Exits with 1 when there
        is one.

        Copies keep their data in folders and an embedded database and broker of their own, and open no doors. Handlers do
        run, so a service that talks to the outside world does that here too. A service that keeps anything in memory needs a
        file whose default export is a function that makes the system, so that each copy has its own.`,
  examples: [
    'dure check placement',
    'dure check placement src/system.ts --runs 100 --seed 7',
    'dure check placement --placement tcp',
  ],
  flags: {
    runs: parsedFlag(wholeNumber(1, 100_000), 'N', 'Calls of each operation (default 20)'),
    seed: parsedFlag(wholeNumber(0, 0x7fffffff), 'N', 'The same number makes the same calls (default 1)'),
    json: switchFlag('Print the report as JSON'),
    placement: {
      kind: 'enum',
      values: ['unix', 'tcp', 'each', 'process', 'split', 'threads'],
      optional: true,
      variadic: true,
      brief: 'Compare only this with all together; may be repeated',
    },
  },
  positional: { kind: 'tuple', parameters: [systemParameter] },
  async func(this: Shell, flags: Flags, given?: string): Promise<void> {
    const { system, file, make } = await loadSystem(given, this.cwd)
    // The suite brings a library of generators along, which no other command needs.
    const { checkPlacement, describeReport, placements, reportAsJson } = await import('@dure/testing')
    const chosen: readonly Placement[] | undefined =
      flags.placement && [...new Set(flags.placement)].map((name) => placements[name])
    say(this, `Checking ${counted(system.services.length, 'service')} of "${system.name}"`)
    const report = await checkPlacement({
      system: make ?? system,
      file,
      name: await exportedAs(system, file),
      ...(flags.runs !== undefined && { runs: flags.runs }),
      ...(flags.seed !== undefined && { seed: flags.seed }),
      ...(chosen !== undefined && { placements: chosen }),
    }).catch((cause: unknown) => {
      // A message that names what could not be done is all a user needs; anything else is a defect and keeps its stack.
      const { message } = describeThrown(cause)
      throw message.startsWith('Cannot ') ? new CliError(message, { cause }) : cause
    })
    printResult(this, flags, reportAsJson(report), () => describeReport(report, Math.min(this.columns, 120)))
    if (!report.ok) this.process.exitCode = EXIT.failed
  },
})

const callsCommand: Command<Shell> = defineCommand({
  brief: 'Find calls that look as if they could be made twice, and cannot',
  help: `
        Reads a system's contracts and policies. Every call has a deadline, which shrinks on its way, a retry budget and a rule by which
        hosts that fail are left out; it is made again only where its operation is idempotent. What is said of an operation that is not,
        and has no effect, is an error; what others may take for idempotent, such as a PUT, is a notice. Exits with 1 when there is an
        error.`,
  examples: ['dure check calls', 'dure check calls src/system.ts --json'],
  flags: { json: switchFlag('Print the report as JSON') },
  positional: { kind: 'tuple', parameters: [systemParameter] },
  async func(this: Shell, flags: Pick<Flags, 'json'>, given?: string): Promise<void> {
    const { system } = await loadSystem(given, this.cwd)
    const { describeSafety, safetyOf } = await import('../safety.ts')
    const report = safetyOf(system)
    printResult(this, flags, report, () => describeSafety(report))
    if (report.findings.some(({ severity }) => severity === 'error')) this.process.exitCode = EXIT.failed
  },
})

export const checkCommands: RouteMap<Shell> = defineRoutes({
  routes: { placement: placementCommand, calls: callsCommand },
  brief: 'Try a system and say whether it keeps a promise',
  help: `
        Tries a system and says whether it keeps a promise.`,
  examples: ['dure check placement', 'dure check calls'],
})

/** The name that another process finds the system by. */
async function exportedAs(system: unknown, file: string): Promise<string> {
  const exports = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>
  return Object.keys(exports).find((name) => exports[name] === system) ?? 'default'
}
