import type { Command } from '@stricli/core'
import { compareAll, describeChanges, isBroken, readContracts } from '../compat.ts'
import { EXIT, type Shell } from '../shell.ts'
import { defineCommand, jsonFlag, printResult } from './parameters.ts'

type Flags = { readonly json?: boolean }

export const compatCommand: Command<Shell> = defineCommand({
  brief: 'Say what a new version of contracts breaks, and whom',
  help: `
        Compares contracts, the older first: JSON files made by "dure docs --format contract", or modules that export
        contracts or a system. Exits with 1 when somebody breaks and the version does not say so (a new major version; before
        1.0.0 a new minor one), with 2 when a file cannot be read.`,
  examples: [
    'dure docs --format contract --out contracts.json',
    'dure compat contracts.json src/system.ts',
    'dure compat before.json after.json --json',
  ],
  flags: { json: jsonFlag },
  positional: {
    kind: 'tuple',
    parameters: [
      { parse: String, placeholder: 'before', brief: 'The contracts as they were' },
      { parse: String, placeholder: 'after', brief: 'The contracts as they are to be' },
    ],
  },
  async func(this: Shell, flags: Flags, before: string, after: string): Promise<void> {
    const changes = compareAll(await readContracts(before, this.cwd), await readContracts(after, this.cwd))
    const ok = !isBroken(changes)
    printResult(this, flags, { ok, contracts: changes }, () => describeChanges(changes, this))
    if (!ok) this.process.exitCode = EXIT.failed
  },
})
