import type { Command } from '@stricli/core'
import { dataDirectory } from '../data.ts'
import { examine } from '../doctor.ts'
import { counted } from '../format.ts'
import { CliError, EXIT, paint, type Shell } from '../shell.ts'
import { dataFlag, defineCommand, jsonFlag, printResult, systemParameter } from './parameters.ts'

type Flags = { readonly data?: string; readonly json?: boolean }

export const doctorCommand: Command<Shell> = defineCommand({
  brief: 'Say what is missing, stale or wrong in a project',
  help: `
        Looks at what usually stands in the way: Node, "type", tsconfig.json, TypeScript, packages of Dure of several versions or
        twice in one tree, generated files that are gone, a system that does not load, migrations that were edited, data of a newer build, ports that
        somebody else has. Each with what to do. Changes nothing. Exits with 1 when something is wrong.`,
  examples: ['dure doctor', 'dure doctor src/system.ts --json'],
  flags: { data: dataFlag, json: jsonFlag },
  positional: { kind: 'tuple', parameters: [systemParameter] },
  async func(this: Shell, flags: Flags, given?: string): Promise<void> {
    const findings = await examine({ given, cwd: this.cwd, data: dataDirectory(flags.data, this.process.env) })
    const wrong = findings.filter(({ remedy }) => remedy !== undefined)
    printResult(this, flags, findings, () =>
      findings
        .flatMap(({ what, remedy }) => [
          `${remedy === undefined ? paint(this, 'green', '✔') : paint(this, 'red', '✖')} ${what}`,
          ...(remedy === undefined ? [] : [`  ${remedy}`]),
        ])
        .join('\n'),
    )
    if (wrong.length > 0) throw new CliError(`${counted(wrong.length, 'thing')} to mend`, { exitCode: EXIT.failed })
  },
})
