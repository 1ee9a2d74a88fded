import type { Command } from '@stricli/core'
import { dirname } from 'node:path'
import { systemFile } from '../load.ts'
import { typeTroubles } from '../project.ts'
import { portWords, type Port } from '../run.ts'
import { paint, say, type Shell } from '../shell.ts'
import { supervise } from '../supervise.ts'
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
        starts it again when a file changes beside or below the system file. Data are kept between restarts.`,
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
      onExit: (how) => say(this, paint(this, 'yellow', `The system ${how}; it starts again when a file changes`)),
    })
    const watcher = watchSources(dirname(file), {
      ignore: [data],
      onChange: (path) => {
        say(this, paint(this, 'dim', `${path} changed: starting again`))
        supervisor.restart()
      },
    })
    await this.stopped()
    watcher.close()
    await supervisor.stop()
  },
})
