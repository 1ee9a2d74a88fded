import {
  buildApplication,
  formatMessageForArgumentScannerError,
  run,
  text_en,
  type Application,
  type ApplicationText,
  type RouteMap,
} from '@stricli/core'
import { describeThrown } from 'dure/contract/internal'
import { addCommands } from './commands/add.ts'
import { callCommand } from './commands/call.ts'
import { checkCommands } from './commands/check.ts'
import { compatCommand } from './commands/compat.ts'
import { configCommands } from './commands/config.ts'
import { collectorCommand } from './commands/collector.ts'
import { configServerCommand } from './commands/config-server.ts'
import { deadCommands } from './commands/dead/dead.ts'
import { sagaCommands } from './commands/saga/saga.ts'
import { auditCommands } from './commands/audit.ts'
import { caCommands } from './commands/ca.ts'
import { scheduleCommands } from './commands/schedule.ts'
import { devCommand } from './commands/dev.ts'
import { docsCommand } from './commands/docs.ts'
import { doctorCommand } from './commands/doctor.ts'
import { gatewayCommands } from './commands/gateway/gateway.ts'
import { instancesCommand } from './commands/instances.ts'
import { lagCommands } from './commands/lag.ts'
import { listCommand } from './commands/list.ts'
import { mcpCommand } from './commands/mcp.ts'
import { modelCommands } from './commands/model.ts'
import { schemasCommands } from './commands/schemas.ts'
import { registrarCommand, registryCommands } from './commands/registry.ts'
import { placeCommand } from './commands/place.ts'
import { restartCommand } from './commands/restart.ts'
import { scaleCommand } from './commands/scale.ts'
import { simCommand } from './commands/sim.ts'
import { startCommand } from './commands/start.ts'
import { traceCommand } from './commands/trace.ts'
import { twoPhaseCommands } from './commands/two-phase.ts'
import { fitHelp, isHelp } from './help.ts'
import { CliError, EXIT, paint, type Shell } from './shell.ts'
import { defineRoutes } from './commands/parameters.ts'
import { VERSION } from './version.ts'

/**
 * Runs one command line and gives its exit code: 0 done, 1 failed (for `compat`: it breaks somebody), 2 misuse.
 */
export async function runCli(args: readonly string[], shell: Shell): Promise<number> {
  const context = {
    ...shell,
    process: {
      stdout: colorless(shell, shell.process.stdout),
      stderr: colorless(shell, shell.process.stderr),
      env: shell.process.env,
      exitCode: undefined as number | string | null | undefined,
    },
  }
  await run(applicationFor(args), args, context)
  const code = Number(context.process.exitCode ?? EXIT.done)
  // Stricli's own codes are negative: what the user typed, or a defect of ours.
  if (code >= 0) return code
  return code === -5 || code === -4 ? EXIT.misuse : EXIT.failed
}

const describe = (error: unknown): string => {
  if (error instanceof CliError) return error.message
  const { stack, message } = describeThrown(error)
  return stack ?? message
}

const styled = (message: string, ansiColor: boolean): string => {
  const [first = '', ...rest] = message.split('\n')
  return [paint({ color: ansiColor }, 'red', first), ...rest].join('\n')
}

const textFor = (args: readonly string[]): ApplicationText => ({
  ...text_en,
  briefs: {
    ...text_en.briefs,
    help: 'Show this',
    version: 'Show the version',
    argumentEscapeSequence: 'Take the rest as arguments',
  },
  noCommandRegisteredForInput: ({ input, corrections, ansiColor }) => {
    const hint =
      corrections.length > 0
        ? `did you mean ${corrections.map((name) => `"${[...before(args, input), name.replaceAll('`', '')].join(' ')}"`).join(' or ')}?`
        : `see "${[...before(args, input), '--help'].join(' ')}"`
    return styled(`Cannot run "${input}": there is no such command; ${hint}`, ansiColor)
  },
  exceptionWhileParsingArguments: (error, ansiColor) => {
    const message = error instanceof Error ? formatMessageForArgumentScannerError(error as never, WORDS) : String(error)
    return styled(`${message}\nSee "${['dure', ...commandOf(args), '--help'].join(' ')}"`, ansiColor)
  },
  exceptionWhileRunningCommand: (error, ansiColor) => styled(describe(error), ansiColor),
  commandErrorResult: (error, ansiColor) => styled(describe(error), ansiColor),
})

/** What is wrong with a flag or an argument, in words that begin with it. */
const WORDS: Parameters<typeof formatMessageForArgumentScannerError>[1] = {
  ArgumentParseError: ({ externalFlagNameOrPlaceholder: name, exception }) =>
    `Cannot take ${flagText(name)}: ${exception instanceof Error ? exception.message : String(exception)}`,
  UnsatisfiedFlagError: ({ externalFlagName: name, nextFlagName: next }) =>
    `Cannot go on without ${flagText(name)}${next === undefined ? '' : `: it is given no value before ${flagText(next)}`}`,
  UnsatisfiedPositionalError: ({ placeholder }) => `Cannot go on without ${placeholder}`,
}

/** Arguments are named in capitals, flags as they are typed. */
const flagText = (name: string): string => (/^[A-Z]/.test(name) ? name : `--${name}`)

/** The words before one that is no command. */
function before(args: readonly string[], input: string): readonly string[] {
  return ['dure', ...args.slice(0, Math.max(0, args.indexOf(input)))]
}

/** The words that name the command. */
function commandOf(args: readonly string[]): readonly string[] {
  return args
    .slice(
      0,
      ['add', 'ca', 'config', 'dead', 'saga', 'check', 'model', 'schemas', 'registry', '2pc'].includes(args[0] ?? '') ? 2 : 1,
    )
    .filter((word) => !word.startsWith('-'))
}

const routes: RouteMap<Shell> = defineRoutes({
  routes: {
    add: addCommands,
    dev: devCommand,
    start: startCommand,
    list: listCommand,
    instances: instancesCommand,
    scale: scaleCommand,
    place: placeCommand,
    restart: restartCommand,
    call: callCommand,
    dead: deadCommands,
    saga: sagaCommands,
    schedule: scheduleCommands,
    audit: auditCommands,
    ca: caCommands,
    config: configCommands,
    lag: lagCommands,
    model: modelCommands,
    mcp: mcpCommand,
    trace: traceCommand,
    '2pc': twoPhaseCommands,
    docs: docsCommand,
    doctor: doctorCommand,
    compat: compatCommand,
    registry: registryCommands,
    registrar: registrarCommand,
    'config-server': configServerCommand,
    collector: collectorCommand,
    gateway: gatewayCommands,
    schemas: schemasCommands,
    check: checkCommands,
    sim: simCommand,
  },
  brief: 'Runs and inspects a system of services',
  help: `
        Runs and inspects a system of services.

        A system file exports what system() makes. Without a name it is the file that package.json names ("dure": { "system":
        "…" }), else ./system.ts.

        Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed (compat: a caller or
        subscriber breaks), 2 misuse.`,
})

const applicationFor = (args: readonly string[]): Application<Shell> =>
  buildApplication(routes, {
    name: 'dure',
    versionInfo: { currentVersion: VERSION },
    scanner: { caseStyle: 'allow-kebab-for-camel', allowArgumentEscapeSequence: true },
    documentation: { onlyRequiredInUsageLine: false },
    localization: { text: textFor(args) },
    determineExitCode: (error) => (error instanceof CliError ? error.exitCode : EXIT.failed),
  })

/** Stricli asks the stream how many colours it has. */
function colorless(
  shell: Shell,
  output: Shell['process']['stdout'],
): Shell['process']['stdout'] & { getColorDepth: () => number } {
  const write = (text: string): void => output.write(isHelp(text) ? fitHelp(text, shell.columns) : text)
  return { write, getColorDepth: () => (shell.color ? 8 : 1) }
}
