import type { Command } from '@stricli/core'
import { table } from '@dure/simulation/text/internal'
import { askScale } from '../control/control.ts'
import { visible } from '../format.ts'
import { CliError, EXIT, layoutOf, paint, type Layout, type Shell } from '../shell.ts'
import { configFlag, withPlatform } from '../environments.ts'
import { told } from './deploy-library.ts'
import {
  byFlag,
  common,
  defineCommand,
  directoryOf,
  parsedFlag,
  parsedReplicas,
  printResult,
  textFlag,
  whoIs,
  type Common,
} from './parameters.ts'

type Flags = Common & { readonly by?: string; readonly config?: string; readonly in?: string; readonly copies?: number }

export const scaleCommand: Command<Shell> = defineCommand({
  brief: 'Run more or fewer copies of a service',
  help: `
        Has the supervisor of a system that was started with --split or --threads run so many copies of services, 1 to 64, and shows the
        processes there are then. New copies get calls when they are ready; those that are one too many get no new calls, answer
        what they have, and end. Without a name it only shows the processes. A service whose store is exclusive has one copy.

        With --in it is how many copies of a whole system run where it was deployed to (dure deploy).`,
  examples: [
    'dure scale',
    'dure scale orders=4',
    'dure scale orders=1,stock=2 --data /var/lib/shop',
    'dure scale --in production --copies 3',
  ],
  flags: {
    ...{ ...common, by: byFlag, config: configFlag },
    in: textFlag('ENVIRONMENT', 'Where the system was deployed to, as deploy.ts names it'),
    copies: parsedFlag(Number, 'N', 'With --in: how many copies of the system'),
  },
  positional: {
    kind: 'tuple',
    parameters: [
      { parse: parsedReplicas, optional: true, placeholder: 'SERVICE=N,…', brief: 'How many copies of which service' },
    ],
  },
  async func(this: Shell, flags: Flags, wanted?: Readonly<Record<string, number>>): Promise<void> {
    const { in: name, copies, config } = flags
    if (name !== undefined) {
      if (copies === undefined || wanted !== undefined)
        throw new CliError(`Cannot scale what runs in ${name}: give --copies, and no services`, { exitCode: EXIT.misuse })
      await told(() => withPlatform(this, { name, config }, (platform) => platform.scale(copies, { by: whoIs(flags.by) })))
      return printResult(this, flags, { environment: name, copies }, () => `Copies in ${name}: ${copies}`)
    }
    const processes = await askScale(directoryOf(this, flags), wanted, whoIs(flags.by))
    printResult(this, flags, processes, () => processesText(processes, layoutOf(this)))
  },
})

/** Processes of a supervisor as a table. */
export function processesText(processes: Awaited<ReturnType<typeof askScale>>, layout: Layout): string {
  const rows = processes.map(({ name, pid, thread, restarts }) => [
    visible(name),
    pid !== undefined ? String(pid) : thread !== undefined ? `thread ${thread}` : '-',
    String(restarts),
  ])
  const [head = '', ...lines] = table([['PROCESS', 'PID', 'RESTARTS'], ...rows], {
    columns: layout.columns,
    shorten: [0],
    right: [1, 2],
  })
  return [paint(layout, 'dim', head), ...lines].join('\n')
}
