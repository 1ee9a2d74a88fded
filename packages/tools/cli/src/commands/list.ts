import type { Command } from '@stricli/core'
import { resolve } from 'node:path'
import { askListing, listingOf } from '../control/control.ts'
import { describeSystem } from '../listing.ts'
import { contractsOf, loadSystem } from '../load.ts'
import { CliError, EXIT, layoutOf, type Shell } from '../shell.ts'
import { defineCommand, jsonFlag, printResult, systemParameter, textFlag, type Common } from './parameters.ts'

export const listCommand: Command<Shell> = defineCommand({
  brief: 'Show services, operations, routes, events and owners',
  help: `
        Shows services with their owners, operations, routes and events: of a system file, or with --data of the system that
        runs on a data directory.`,
  examples: ['dure list', 'dure list src/system.ts --json', 'dure list --data .dure'],
  flags: {
    data: textFlag('DIR', 'Ask the system that runs on this data directory'),
    json: jsonFlag,
  },
  positional: { kind: 'tuple', parameters: [systemParameter] },
  async func(this: Shell, flags: Common, file?: string): Promise<void> {
    if (flags.data !== undefined && file !== undefined) {
      throw new CliError('Cannot list both a system file and a data directory: give one of them', { exitCode: EXIT.misuse })
    }
    const listing =
      flags.data === undefined ? await listingOfFile(file, this.cwd) : await askListing(resolve(this.cwd, flags.data))
    printResult(this, flags, listing, () => describeSystem(listing, layoutOf(this)))
  },
})

async function listingOfFile(file: string | undefined, cwd: string): Promise<ReturnType<typeof listingOf>> {
  const { system } = await loadSystem(file, cwd)
  return listingOf(system.name, contractsOf(system))
}
