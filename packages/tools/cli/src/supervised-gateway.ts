import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { realRuntime } from 'dure/runtime'
import { REGISTRY } from './commands/registry-library.ts'
import { loggerOf } from './log.ts'
import { CliError, EXIT, print, type Shell } from './shell.ts'
import { begin, reportOf } from './supervision.ts'

const BIN = fileURLToPath(new URL('../bin/dure.js', import.meta.url))

/**
 * Runs a gateway in a process of its own until somebody wants it to end. This process holds the port: while the other one is replaced
 * (SIGUSR2) or has fallen over, connections wait in the queue of the kernel rather than being refused.
 */
export async function superviseGateway(
  shell: Shell,
  options: {
    readonly port: number
    readonly host: string
    /** Where it keeps its files. */
    readonly directory: string
    readonly registry?: string
    readonly operator?: number
    /** The other flags of its command line. */
    readonly [flag: string]: string | number | boolean | undefined
  },
): Promise<void> {
  const { port, host, directory, registry, operator = 0, supervised: _, data: __, ...others } = options
  if (operator !== 0)
    throw new CliError(
      `Cannot run a supervised gateway with --operator ${operator}: for a moment there are two, and one could not listen there; leave it out, and give --announce`,
      { exitCode: EXIT.misuse },
    )
  const log = loggerOf(shell)
  const supervisor = await begin({
    // One supervisor a directory; several gateways may run in this one.
    directory: join(directory, `gateway-${port === 0 ? process.pid : port}`),
    runtime: realRuntime(),
    handed: shell.supervised?.sockets,
    processes: [
      {
        name: 'gateway',
        program: [BIN, 'gateway', ...wordsOf({ ...others, port, host, data: directory })],
        cwd: shell.cwd,
        // Not among its words: lists of processes show those, and it may hold a password.
        ...(registry !== undefined && { env: { [REGISTRY]: registry } }),
        overlaps: true,
        sockets: [{ name: 'gateway', address: { kind: 'tcp', host, port } }],
      },
    ],
    onLine: ({ text }) => shell.process.stderr.write(`${text}\n`),
    onEvent: (what) => {
      const [level, message, fields] = reportOf(what, 'Process')
      log[level](message, fields)
    },
  })
  const replace = (): void => {
    supervisor.replace().catch((error: unknown) => log.error((error as Error).message))
  }
  process.on('SIGUSR2', replace)
  try {
    const [info] = supervisor.ready as readonly { readonly where: string }[]
    // Before it says that it is ready: whoever reads that may end it at once.
    const stopped = shell.stopped()
    print(shell, `${info!.where}, process ${process.pid}; to have a fresh one take its place: kill -USR2 ${process.pid}`)
    shell.supervised?.ready(info)
    await stopped
  } finally {
    process.off('SIGUSR2', replace)
    await supervisor.stop()
  }
}

/** Flags as words of a command line: `accessLog` is `--access-log`. */
function wordsOf(flags: Readonly<Record<string, string | number | boolean | undefined>>): readonly string[] {
  return Object.entries(flags).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [`--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, ...(value === true ? [] : [String(value)])],
  )
}
