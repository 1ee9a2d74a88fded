import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from '@stricli/core'
import { realRuntime } from 'dure/runtime'
import { historyMisfit, type AnySaga, type SagaHistory } from 'dure/saga/internal'
import { loadSystem } from '../../load.ts'
import { CliError, EXIT, print, type Shell } from '../../shell.ts'
import { defineCommand, textFlag } from '../parameters.ts'

export const replayCommand: Command<Shell> = defineCommand({
  brief: 'Try the code of sagas on histories, without doing anything',
  usage: ['[--system system.ts] FILE…'],
  help: `
        Replays histories that "dure saga export" has printed with the code there is now: whether it asks for the same steps, in the same order,
        with results of the same schemas. Nothing is run and nothing is called. Ends with 1 when one does not fit: for CI.`,
  examples: ['dure saga replay order-17.json', 'dure saga replay --system shop/system.ts histories/*.json'],
  flags: { system: textFlag('system.ts', 'The system file') },
  positional: { kind: 'array', parameter: { parse: String, placeholder: 'FILE', brief: 'Histories' }, minimum: 1 },
  async func(this: Shell, flags: { readonly system?: string }, ...files: readonly string[]): Promise<void> {
    const { system } = await loadSystem(flags.system, this.cwd)
    const sagas = system.services.flatMap(({ extensions }) => extensions.filter(({ kind }) => kind.name === 'saga')) as AnySaga[]
    let misfits = 0
    for (const file of files) {
      const history = await historyOf(this, file)
      const saga = sagas.find(({ name }) => name === history.saga)
      const reason =
        saga === undefined
          ? `the system has no saga "${history.saga}"`
          : await historyMisfit({ runtime: realRuntime() }, saga, history)
      if (reason !== undefined) misfits++
      print(this, reason === undefined ? `${file}: fits` : `${file}: does not fit. ${reason}`)
    }
    if (misfits > 0) this.process.exitCode = EXIT.failed
  },
})

async function historyOf(shell: Shell, file: string): Promise<SagaHistory> {
  try {
    const history = JSON.parse(await readFile(resolve(shell.cwd, file), 'utf8')) as SagaHistory
    if (Array.isArray(history.steps) && typeof history.saga === 'string') return history
  } catch (cause) {
    throw new CliError(`Cannot read the history "${file}": ${(cause as Error).message}`, { exitCode: EXIT.misuse, cause })
  }
  throw new CliError(`Cannot use "${file}": it is no history of a saga; "dure saga export" prints one`, { exitCode: EXIT.misuse })
}
