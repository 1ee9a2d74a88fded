import {
  buildApplication,
  formatMessageForArgumentScannerError,
  run,
  text_en,
  type Application,
  type ApplicationText,
  type Command,
  type RouteMap,
} from '@stricli/core'
import { describeThrown } from 'dure/contract/internal'
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
  await run(applicationFor(args, await routesFor(args)), args, context)
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
      [
        'add',
        'auth',
        'ca',
        'config',
        'dead',
        'saga',
        'check',
        'model',
        'log',
        'schemas',
        'registry',
        '2pc',
        'image',
        'release',
        'facts',
      ].includes(args[0] ?? '')
        ? 2
        : 1,
    )
    .filter((word) => !word.startsWith('-'))
}

/** Each is loaded when its name is said: what one command needs, the others do not wait for. */
const COMMANDS: Readonly<Record<string, () => Promise<Command<Shell> | RouteMap<Shell>>>> = {
  add: async () => (await import('./commands/add.ts')).addCommands,
  dev: async () => (await import('./commands/dev.ts')).devCommand,
  start: async () => (await import('./commands/start.ts')).startCommand,
  list: async () => (await import('./commands/list.ts')).listCommand,
  instances: async () => (await import('./commands/instances.ts')).instancesCommand,
  console: async () => (await import('./commands/console.ts')).consoleCommand,
  scale: async () => (await import('./commands/scale.ts')).scaleCommand,
  place: async () => (await import('./commands/place.ts')).placeCommand,
  plan: async () => (await import('./commands/plan.ts')).planCommand,
  restart: async () => (await import('./commands/restart.ts')).restartCommand,
  call: async () => (await import('./commands/call.ts')).callCommand,
  dead: async () => (await import('./commands/dead/dead.ts')).deadCommands,
  saga: async () => (await import('./commands/saga/saga.ts')).sagaCommands,
  schedule: async () => (await import('./commands/schedule.ts')).scheduleCommands,
  audit: async () => (await import('./commands/audit.ts')).auditCommands,
  auth: async () => (await import('./commands/auth.ts')).authCommands,
  ca: async () => (await import('./commands/ca.ts')).caCommands,
  config: async () => (await import('./commands/config.ts')).configCommands,
  log: async () => (await import('./commands/log-level.ts')).logCommands,
  profile: async () => (await import('./commands/profile.ts')).profileCommand,
  lag: async () => (await import('./commands/lag.ts')).lagCommands,
  model: async () => (await import('./commands/model.ts')).modelCommands,
  streams: async () => (await import('./commands/streams.ts')).streamsCommand,
  why: async () => (await import('./commands/why.ts')).whyCommand,
  mcp: async () => (await import('./commands/mcp.ts')).mcpCommand,
  story: async () => (await import('./commands/story.ts')).storyCommand,
  trace: async () => (await import('./commands/trace.ts')).traceCommand,
  '2pc': async () => (await import('./commands/two-phase.ts')).twoPhaseCommands,
  choose: async () => (await import('./commands/choose.ts')).chooseCommand,
  docs: async () => (await import('./commands/docs.ts')).docsCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
  compat: async () => (await import('./commands/compat.ts')).compatCommand,
  facts: async () => (await import('./commands/facts.ts')).factsCommands,
  'can-i-deploy': async () => (await import('./commands/can-i-deploy.ts')).canIDeployCommand,
  registry: async () => (await import('./commands/registry.ts')).registryCommands,
  registrar: async () => (await import('./commands/registry.ts')).registrarCommand,
  'config-server': async () => (await import('./commands/config-server.ts')).configServerCommand,
  collector: async () => (await import('./commands/collector.ts')).collectorCommand,
  gateway: async () => (await import('./commands/gateway/gateway.ts')).gatewayCommands,
  schemas: async () => (await import('./commands/schemas.ts')).schemasCommands,
  test: async () => (await import('./commands/test.ts')).testCommand,
  check: async () => (await import('./commands/check.ts')).checkCommands,
  release: async () => (await import('./commands/release.ts')).releaseCommands,
  image: async () => (await import('./commands/image.ts')).imageCommands,
  deploy: async () => (await import('./commands/deploy.ts')).deployCommand,
  promote: async () => (await import('./commands/deploy.ts')).promoteCommand,
  rollback: async () => (await import('./commands/deploy.ts')).rollbackCommand,
  releases: async () => (await import('./commands/deploy.ts')).releasesCommand,
  ci: async () => (await import('./commands/ci.ts')).ciCommand,
  sim: async () => (await import('./commands/sim.ts')).simCommand,
}

/** Help, and who has mistyped a name, are shown all of them. */
async function routesFor([name = '']: readonly string[]): Promise<RouteMap<Shell>> {
  const names = Object.hasOwn(COMMANDS, name) ? [name] : Object.keys(COMMANDS)
  const routes = await Promise.all(names.map(async (each) => [each, await COMMANDS[each]!()] as const))
  return defineRoutes({
    routes: Object.fromEntries(routes),
    brief: 'Runs and inspects a system of services',
    help: `
          Runs and inspects a system of services.

          A system file exports what system() makes. Without a name it is the file that package.json names ("dure": { "system":
          "…" }), else ./system.ts.

          Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed (compat: a caller or
          subscriber breaks), 2 misuse.`,
  })
}

const applicationFor = (args: readonly string[], routes: RouteMap<Shell>): Application<Shell> =>
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
