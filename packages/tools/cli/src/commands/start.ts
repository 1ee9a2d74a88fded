import { buildCommand } from '@stricli/core'
import type { Command } from '@stricli/core'
import { dataDirectory } from '../data.ts'
import type { Port } from '../run.ts'
import type { Shell } from '../shell.ts'
import { dataFlag, portFlag, systemParameter } from './parameters.ts'

type Flags = { readonly data?: string; readonly port?: readonly Port[]; readonly log: 'json' | 'pretty' }

export const startCommand: Command<Shell> = buildCommand({
  docs: {
    brief: 'Run a system',
    fullDescription: [
      'Runs all services of a system in this process. Logs are JSON lines on standard error. SIGTERM and SIGINT',
      'stop it cleanly: what is under way is finished first; a second signal ends it at once.',
      '',
      'Examples:',
      '  dure start',
      '  dure start src/system.ts --data /var/lib/shop --port 80',
    ].join('\n'),
  },
  parameters: {
    flags: {
      data: dataFlag,
      port: portFlag,
      log: { kind: 'enum', values: ['json', 'pretty'], default: 'json', brief: 'How to log' },
    },
    positional: { kind: 'tuple', parameters: [systemParameter] },
  },
  async func(this: Shell, flags: Flags, file?: string): Promise<void> {
    // The chassis is loaded only by the command that runs it.
    const { runSystem } = await import('../run.ts')
    await runSystem(this, { file, data: dataDirectory(flags.data, this.process.env), ports: flags.port ?? [], log: flags.log })
  },
})
