import type { Command } from '@stricli/core'
import { dirname } from 'node:path'
import { realRuntime } from 'dure/runtime'
import { openBrowser } from '../browser.ts'
import { isConsole } from '../console-doors.ts'
import { systemFile } from '../load.ts'
import { parentGone } from '../parent.ts'
import { typeTroubles } from '../project.ts'
import { resetData } from '../reset.ts'
import { CliError, EXIT, paint, say, type Shell } from '../shell.ts'
import { supervise, type SupervisorOptions } from '../supervise.ts'
import { checkTypes } from '../types.ts'
import { watchSources } from '../watch.ts'
import type { Url } from '../watched.ts'
import {
  defineCommand,
  dataFlag,
  directoryOf,
  portFlag,
  portNumber,
  portWords,
  replicasFlag,
  replicaWords,
  splitFlag,
  threadsFlag,
  switchFlag,
  systemParameter,
  type Port,
} from './parameters.ts'

type Flags = {
  readonly data?: string
  readonly port?: readonly Port[]
  readonly split?: boolean
  readonly threads?: boolean
  readonly replicas?: Readonly<Record<string, number>>
  readonly reset?: boolean
  readonly inspect?: number
  readonly open?: boolean
  readonly console: boolean
}

export const devCommand: Command<Shell> = defineCommand({
  brief: 'Run a system and restart it when a file changes',
  help: `
        Runs all services of a system in one process (with --split: in several; with --threads: in threads of it), shows where it is and what is in it, and
        starts it again when a file changes that it imports, or one of SQL below the system file. What cannot be loaded or
        started is told, and waits for the next change; until it loads, the system of before goes on. Data are kept. What
        the project's TypeScript finds wrong is told beside. The console, whose link is said first, shows all that happens: a system that lists none gets
        one, with the collector that it reads.`,
  examples: [
    'dure dev',
    'dure dev src/system.ts --port 9000',
    'dure dev --split',
    'dure dev --reset --open',
    'dure dev --inspect',
    'dure dev --no-console',
  ],
  flags: {
    data: dataFlag,
    port: portFlag,
    split: splitFlag,
    threads: threadsFlag,
    replicas: replicasFlag,
    reset: switchFlag('Empty the data directory first; what services keep on a server of their own stays'),
    inspect: {
      kind: 'parsed',
      parse: (text) => (text === '' ? 9229 : portNumber(text)),
      inferEmpty: true,
      optional: true,
      placeholder: 'PORT',
      brief: 'Let a debugger in, at this port (default 9229) of this machine',
    },
    open: switchFlag('Open the page of its API in the browser'),
    console: { kind: 'boolean', default: true, brief: 'Bring a console, and a collector, to a system that lists none' },
  },
  positional: { kind: 'tuple', parameters: [systemParameter] },
  async func(this: Shell, flags: Flags, given?: string): Promise<void> {
    const file = systemFile(given, this.cwd)
    if (flags.inspect !== undefined && flags.split === true) {
      throw new CliError('Cannot let a debugger into several processes at one port: leave out --split, or --inspect', {
        exitCode: EXIT.misuse,
      })
    }
    if (flags.inspect !== undefined && flags.threads === true) {
      throw new CliError('Cannot let a debugger into several threads at one port: leave out --threads, or --inspect', {
        exitCode: EXIT.misuse,
      })
    }
    for (const trouble of typeTroubles(file)) say(this, paint(this, 'yellow', trouble))
    const data = directoryOf(this, flags)
    if (flags.reset === true) await resetData(this, data)
    await watchAndRun(this, { file, data, flags })
  },
})

async function watchAndRun(
  shell: Shell,
  { file, data, flags }: { readonly file: string; readonly data: string; readonly flags: Flags },
): Promise<void> {
  const { now } = realRuntime().clock
  let consoleUrl: string | undefined
  const types = checkTypes(file, (text, ok) => say(shell, paint(shell, ok ? 'green' : 'yellow', text)))
  const supervisor = supervise({
    args: [
      ...['start', file, '--log', 'dev', '--data', data],
      ...portWords(flags.port ?? []),
      ...(flags.console ? ['--console'] : []),
      ...(flags.split === true ? ['--split'] : []),
      ...(flags.threads === true ? ['--threads'] : []),
      ...(flags.replicas === undefined ? [] : replicaWords(flags.replicas)),
    ],
    cwd: shell.cwd,
    inspect: flags.inspect,
    env: () => ({
      // Each start is a build: what an edit has changed can be seen.
      ...(shell.process.env?.['DURE_VERSION'] === undefined && {
        DURE_VERSION: `dev ${new Date(now()).toISOString().slice(0, 19)}`,
      }),
      // At whichever port was free it opens again: a browser that is in stays in.
      ...(consoleUrl !== undefined && { CONSOLE_PORT: new URL(consoleUrl).port }),
    }),
    onImports: (files) => watcher.follow(files),
    onReady: ({ again, ms, urls }) => {
      types.look()
      consoleUrl = urls.find(isConsole)?.url
      if (again) say(shell, paint(shell, 'green', `Ready again in ${Math.round(ms)} ms`))
      else if (flags.open === true) void showPage(shell, urls)
    },
    onEnd: (ended) => say(shell, endText(shell, ended)),
  })
  const watcher = watchSources(dirname(file), {
    ignore: [data],
    concerns: (path) => path.endsWith('.sql') || supervisor.concerns(path),
    onChange: (path) => {
      say(shell, paint(shell, 'dim', `${path} changed: starting again`))
      types.stop()
      supervisor.restart()
    },
  })
  await Promise.race([shell.stopped(), parentGone(shell.process.env)])
  watcher.close()
  types.stop()
  await supervisor.stop()
}

async function showPage(shell: Shell, urls: readonly Url[]): Promise<void> {
  const url = urls.map((one) => one.page ?? one.url).find((one) => one.startsWith('http'))
  if (url === undefined) return say(shell, 'Nothing to open: the system has no door for a browser')
  if (!(await openBrowser(url, shell.process.env))) say(shell, `No browser here; open ${url} where there is one`)
}

/** What became of a child that ended by itself; why comes last. */
function endText(shell: Shell, { how, why, running }: Parameters<SupervisorOptions['onEnd']>[0]): string {
  const state = running ? 'the one before the change goes on' : 'it starts again when a file changes'
  if (why === undefined) return paint(shell, 'yellow', `The system ${how}; ${state}`)
  const [first = '', ...rest] = why.split('\n')
  return [paint(shell, 'dim', `The system cannot start; ${state}:`), paint(shell, 'red', first), ...rest].join('\n')
}
