import type { Command } from '@stricli/core'
import { askRestart } from '../control/control.ts'
import { layoutOf, type Shell } from '../shell.ts'
import { byFlag, common, defineCommand, directoryOf, printResult, whoIs, type Common } from './parameters.ts'
import { processesText } from './scale.ts'

export const restartCommand: Command<Shell> = defineCommand({
  brief: 'Replace processes one after the other by fresh ones',
  help: `
        Has the supervisor of a system that was started with --split or --threads replace processes, or threads, one after the other, and shows those
        there are then: "orders" is every copy of it, "orders#2" one copy, "orders#1" the first alone; without a name all are
        replaced. A copy of a service that may have several is up before the one it replaces leaves, and no call fails.`,
  examples: ['dure restart orders#2', 'dure restart orders stock', 'dure restart --data /var/lib/shop'],
  flags: { ...common, by: byFlag },
  positional: {
    kind: 'array',
    parameter: { parse: String, placeholder: 'PROCESS', brief: 'Which; all unless named' },
  },
  async func(this: Shell, flags: Common & { readonly by?: string }, ...names: readonly string[]): Promise<void> {
    const processes = await askRestart(directoryOf(this, flags), names, whoIs(flags.by))
    printResult(this, flags, processes, () => processesText(processes, layoutOf(this)))
  },
})
