import type { Command } from '@stricli/core'
import { dirname } from 'node:path'
import { systemFile } from '../load.ts'
import { typeTroubles } from '../project.ts'
import { portWords, type Port } from '../run.ts'
import { paint, say, type Shell } from '../shell.ts'
import { parentGone } from '../parent.ts'
import { supervise, type SupervisorOptions } from '../supervise.ts'
import { watchSources } from '../watch.ts'
import {
  defineCommand,
  dataFlag,
  directoryOf,
  portFlag,
  replicasFlag,
  replicaWords,
  splitFlag,
  systemParameter,
} from './parameters.ts'

type Flags = {
  readonly data?: string
  readonly port?: readonly Port[]
  readonly split?: boolean
  readonly replicas?: Readonly<Record<string, number>>
}

export const devCommand: Command<Shell> = defineCommand({
  brief: 'Run a system and restart it when a file changes',
  help: `
        Runs all services of a system in one process (with --split: in several), shows where it is and what is in it, and
        starts it again when a file changes that it imports, or one of SQL below the system file. What cannot be loaded or
        started is told, and waits for the next change; until it loads, the system of before goes on. Data are kept.`,
  examples: ['dure dev', 'dure dev src/system.ts --port 9000', 'dure dev --split'],
  flags: {
    data: dataFlag,
    port: portFlag,
    split: splitFlag,
    replicas: replicasFlag,
  },
  positional: { kind: 'tuple', parameters: [systemParameter] },
  async func(this: Shell, flags: Flags, given?: string): Promise<void> {
    const file = systemFile(given, this.cwd)
    for (const trouble of typeTroubles(file)) say(this, paint(this, 'yellow', trouble))
    const data = directoryOf(this, flags)
    const supervisor = supervise({
      args: [
        'start',
        file,
        '--log',
        'dev',
        '--data',
        data,
        ...portWords(flags.port ?? []),
        ...(flags.split === true ? ['--split'] : []),
        ...(flags.replicas === undefined ? [] : replicaWords(flags.replicas)),
      ],
      cwd: this.cwd,
      onImports: (files) => watcher.follow(files),
      onReady: ({ again, ms }) => {
        if (again) say(this, paint(this, 'green', `Ready again in ${Math.round(ms)} ms`))
      },
      onEnd: (ended) => say(this, endText(this, ended)),
    })
    const watcher = watchSources(dirname(file), {
      ignore: [data],
      concerns: (path) => path.endsWith('.sql') || supervisor.concerns(path),
      onChange: (path) => {
        say(this, paint(this, 'dim', `${path} changed: starting again`))
        supervisor.restart()
      },
    })
    await Promise.race([this.stopped(), parentGone(this.process.env)])
    watcher.close()
    await supervisor.stop()
  },
})

/** What became of a child that ended by itself; why comes last. */
function endText(shell: Shell, { how, why, running }: Parameters<SupervisorOptions['onEnd']>[0]): string {
  const state = running ? 'the one before the change goes on' : 'it starts again when a file changes'
  if (why === undefined) return paint(shell, 'yellow', `The system ${how}; ${state}`)
  const [first = '', ...rest] = why.split('\n')
  return [paint(shell, 'dim', `The system cannot start; ${state}:`), paint(shell, 'red', first), ...rest].join('\n')
}
