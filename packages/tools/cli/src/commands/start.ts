import type { Command } from '@stricli/core'
import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { dataDirectory } from '../data.ts'
import type { LogStyle } from '../log.ts'
import { networkOf, networkWords, parseListen, type NetworkFlags } from '../network.ts'
import { CliError, EXIT, type Shell } from '../shell.ts'
import { registryUrl } from './registry-library.ts'
import {
  defineCommand,
  dataFlag,
  parsedFlag,
  portFlag,
  registryFlag,
  replicasFlag,
  splitFlag,
  switchFlag,
  textFlag,
  threadsFlag,
  type Port,
} from './parameters.ts'

type Flags = NetworkFlags & {
  readonly data?: string
  readonly port?: readonly Port[]
  readonly log: LogStyle
  readonly console?: boolean
  readonly split?: boolean
  readonly threads?: boolean
  readonly replicas?: Readonly<Record<string, number>>
  readonly registry?: string
}

export const startCommand: Command<Shell> = defineCommand({
  brief: 'Run a system, or a part of it',
  help: `
        Runs all services of a system in this process; with --split each in a process of its own, or as its "placement" groups
        them, started again when they fall over; with --threads the same in threads of this process, whose main one has the doors.
        With names of services only those, beside others on the same data directory;
        "broker" is the process that hosts the broker, "doors" the one that opens the doors.

        Logs are JSON lines on standard error. SIGTERM and SIGINT stop it cleanly: what is under way is finished first; a
        second signal ends it at once. With --listen the parts may be on several hosts: they find each other by the registry, call
        each other over TCP, and show each other certificates, which an authority in the data directory makes (dure ca) unless --tls says where others are. With --split, SIGUSR2 replaces all processes one after the other.`,
  examples: [
    'dure start',
    'dure start src/system.ts --data /var/lib/shop --port 80',
    'dure start --split',
    'dure start --split --replicas orders=3',
    'dure start --threads',
    'dure start orders',
    'dure start --split --registry http://127.0.0.1:8761/eureka',
    'dure start --split --registry etcd://127.0.0.1:2379/shop',
    'dure start orders --listen 10.0.0.2 --tls /etc/dure/tls --registry http://10.0.0.1:8761/eureka',
  ],
  flags: {
    data: dataFlag,
    port: portFlag,
    log: {
      kind: 'enum',
      values: ['json', 'pretty', 'dev'],
      default: 'json',
      brief: 'How to log; dev tells each request and keeps all traces',
    },
    console: switchFlag('Bring a console and a collector, for this machine alone, to a system that lists none'),
    split: splitFlag,
    threads: threadsFlag,
    replicas: replicasFlag,
    registry: registryFlag,
    listen: parsedFlag(parseListen, 'HOST[:PORT]', 'Take calls of other hosts there (default: of this machine only)'),
    advertise: textFlag('HOST', 'The host that others are told, where it listens on all addresses'),
    tls: textFlag(
      'DIR',
      'Certificates for calls between hosts: tls.crt, tls.key, ca.crt; or "own", of the system\'s own authority (default DURE_TLS, or own)',
    ),
    insecure: switchFlag('Listen beyond this machine without certificates: whoever reaches the port may call'),
  },
  positional: {
    kind: 'array',
    parameter: { parse: String, placeholder: 'system.ts|service', brief: 'The system file, and services to run of it' },
  },
  async func(this: Shell, flags: Flags, ...words: readonly string[]): Promise<void> {
    const { file, part } = readWords(words, this.cwd)
    const options = {
      file,
      data: dataDirectory(flags.data, this.process.env),
      ports: flags.port ?? [],
      log: flags.log,
      console: flags.console,
      registry: registryUrl(this, flags.registry),
      network: networkOf(this, flags),
    }
    if (flags.split === true && flags.threads === true)
      throw new CliError('Cannot use --split and --threads at once: it is processes or threads; leave out one', {
        exitCode: EXIT.misuse,
      })
    if (flags.split === true || flags.threads === true) {
      if (part !== undefined) {
        throw new CliError(
          `Cannot split "${part.join(' ')}": --${flags.split === true ? 'split' : 'threads'} runs all services; leave out their names`,
          {
            exitCode: EXIT.misuse,
          },
        )
      }
      if (flags.listen !== undefined && flags.listen.port !== 0)
        throw new CliError(
          `Cannot have all processes listen on port ${flags.listen.port}: each takes one of its own; leave out the port`,
          { exitCode: EXIT.misuse },
        )
      const { splitSystem } = await import('../split.ts')
      const { replicas, threads } = flags
      return await told(this, splitSystem(this, { ...options, replicas, threads, words: networkWords(flags, this.cwd) }))
    }
    if (flags.replicas !== undefined) {
      throw new CliError('Cannot run copies of everything together: --replicas goes with --split or --threads; add one', {
        exitCode: EXIT.misuse,
      })
    }
    if (flags.registry !== undefined && part === undefined)
      throw new CliError(
        'Cannot use --registry: a system in one process registers none of its services; add --split, or name services',
        {
          exitCode: EXIT.misuse,
        },
      )
    if (options.network !== undefined && part === undefined)
      throw new CliError('Cannot use --listen or --tls: a system in one process calls nobody; add --split, or name services', {
        exitCode: EXIT.misuse,
      })
    // The chassis is loaded only by the command that runs it.
    const { runSystem } = await import('../run.ts')
    await told(this, runSystem(this, { ...options, part }))
  },
})

/** Under `dure dev`, which says it where it is read, why the system cannot run. */
async function told(shell: Shell, running: Promise<void>): Promise<void> {
  try {
    await running
  } catch (error) {
    if (shell.watched === undefined || !(error instanceof CliError)) throw error
    shell.watched.failed(error.message)
    shell.process.exitCode = error.exitCode
  }
}

/** The first word is a system file when it looks like one; names of services do not. */
export function readWords(
  [first, ...rest]: readonly string[],
  cwd: string,
): { readonly file: string | undefined; readonly part: readonly string[] | undefined } {
  if (first === undefined) return { file: undefined, part: undefined }
  const path = resolve(cwd, first)
  const isFile = /[./\\]/.test(first) || (existsSync(path) && statSync(path).isFile())
  const part = isFile ? rest : [first, ...rest]
  return { file: isFile ? first : undefined, part: part.length === 0 ? undefined : part }
}
