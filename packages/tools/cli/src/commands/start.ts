import { buildCommand } from '@stricli/core'
import type { Command } from '@stricli/core'
import { dataDirectory } from '../data.ts'
import type { Port } from '../run.ts'
import type { Shell } from '../shell.ts'

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
      data: {
        kind: 'parsed',
        parse: String,
        optional: true,
        placeholder: 'DIR',
        brief: 'Where it keeps its files (default .dure, or DURE_DATA)',
      },
      port: {
        kind: 'parsed',
        parse: parsePort,
        optional: true,
        variadic: true,
        placeholder: '[DOOR=]N',
        brief: 'Port of a door, instead of the one its system says',
      },
      log: { kind: 'enum', values: ['json', 'pretty'], default: 'json', brief: 'How to log' },
    },
    positional: {
      kind: 'tuple',
      parameters: [{ parse: String, optional: true, placeholder: 'system.ts', brief: 'The system file' }],
    },
  },
  async func(this: Shell, flags: Flags, file?: string): Promise<void> {
    // The chassis is loaded only by the command that runs it.
    const { runSystem } = await import('../run.ts')
    await runSystem(this, { file, data: dataDirectory(flags.data, this.process.env), ports: flags.port ?? [], log: flags.log })
  },
})

export function parsePort(text: string): Port {
  const [, door, digits = ''] = /^(?:([\w-]+)=)?(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === '' || port > 65535) throw new Error(`"${text}" is not a port: give a number from 0 to 65535, or DOOR=N`)
  return { door, port }
}
