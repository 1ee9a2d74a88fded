import type { Command } from '@stricli/core'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openBrowser } from '../browser.ts'
import { CliError, say, type Shell } from '../shell.ts'
import { common, defineCommand, directoryOf, printResult, switchFlag, type Common } from './parameters.ts'

type Flags = Common & { readonly open?: boolean }

export const consoleCommand: Command<Shell> = defineCommand({
  brief: 'Say a link to the console of a running system',
  help: `
        The link lets one browser in, once; then there is another. It is in the file "console.link" of the data directory, which only its
        owner can read. A system has a console when consoleDoor() of @dure/console is among its doors.`,
  examples: ['dure console', 'dure console --open', 'dure console --data /var/lib/shop'],
  flags: { ...common, open: switchFlag('Open it in the browser') },
  async func(this: Shell, flags: Flags): Promise<void> {
    const directory = directoryOf(this, flags)
    const file = join(directory, 'console.link')
    if (!existsSync(file))
      throw new CliError(
        `Cannot say a link to a console on "${directory}": no system with one runs there; list consoleDoor() of @dure/console among its doors`,
      )
    const link = readFileSync(file, 'utf8').trim()
    printResult(this, flags, { link }, () => link)
    if (flags.open === true && !(await openBrowser(link, this.process.env)))
      say(this, 'No browser here; open the link where there is one')
  },
})
