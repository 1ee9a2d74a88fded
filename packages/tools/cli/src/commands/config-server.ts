import type { Command } from '@stricli/core'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Credentials, OpenRepository } from '@dure/config-server'
import { keepAlive } from 'dure/runtime'
import { loggerOf } from '../log.ts'
import { CliError, EXIT, print, type Shell } from '../shell.ts'
import { defineCommand, parsedFlag, portNumber, textFlag } from './parameters.ts'
import { library } from './registry-library.ts'

type Library = typeof import('@dure/config-server')
type Flags = {
  readonly folder?: string
  readonly git?: string
  readonly sqlite?: string
  readonly label?: string
  readonly searchPaths?: readonly string[]
  readonly data?: string
  readonly port?: number
  readonly host?: string
}

/** Who may read, and what values are encrypted with, where no list of processes shows them. */
const [CREDENTIALS, KEY] = ['DURE_CONFIG_CREDENTIALS', 'DURE_CONFIG_ENCRYPT_KEY']

export const configServerCommand: Command<Shell> = defineCommand({
  brief: 'Run a configuration server',
  help: `
        Runs a configuration server that clients of Spring Cloud Config use as they are, until somebody wants it to end. Its settings are files of a
        folder, of a Git repository (here, or fetched again and again from another machine), or the rows of a SQLite file.

        Whoever reaches it may read all settings, unless ${CREDENTIALS} is user:password (several with line ends between them). ${KEY} is what
        {cipher} values were encrypted with, as Spring's encrypt.key.`,
  examples: [
    'dure config-server --folder settings',
    'dure config-server --git https://git.example.com/settings.git --label main',
    'dure config-server --sqlite settings.db --port 8888',
  ],
  flags: {
    folder: textFlag('PATH', 'A folder with application.yml, orders-prod.yml, …'),
    git: textFlag('URL', 'A Git repository: a url, or a path'),
    sqlite: textFlag('FILE', 'A SQLite file with the table "properties"; made where it is missing'),
    label: textFlag('NAME', 'With --git: the branch, tag or commit where none is asked for (default main, else master)'),
    searchPaths: {
      ...{ kind: 'parsed', parse: String, optional: true, variadic: ',', placeholder: 'PATH' },
      brief: 'With --git: folders that go before its root, such as {application}',
    },
    data: textFlag('DIR', 'Where it keeps what it fetches (default .dure/config-server)'),
    port: parsedFlag(portNumber, 'N', 'Where it listens (default 8888)'),
    host: textFlag('HOST', 'On which address (default 127.0.0.1, this machine only)'),
  },
  positional: { kind: 'tuple', parameters: [] },
  async func(this: Shell, flags: Flags): Promise<void> {
    const { data = '.dure/config-server', port = 8888, host = '127.0.0.1' } = flags
    const own = await library<Library>(this, 'a configuration server', '@dure/config-server')
    const repository = repositoryOf(this, flags, own)
    const credentials = credentialsOf(this.process.env?.[CREDENTIALS])
    const encryptKey = this.process.env?.[KEY]
    const options = { repository, credentials, ...(encryptKey && { encryptKey }), port, host }
    const alive = keepAlive()
    try {
      const { url, stop } = await own
        .startConfigServer({ ...options, directory: resolve(this.cwd, data), log: loggerOf(this) })
        .catch(failed)
      const stopped = this.stopped()
      print(this, `Configuration server at ${url}`)
      await stopped
      await stop()
    } finally {
      alive.stop()
    }
  },
})

/** @throws {CliError} unless exactly one is meant */
function repositoryOf({ cwd }: Shell, { folder, git, sqlite, label, searchPaths }: Flags, own: Library): OpenRepository {
  if ([folder, git, sqlite].filter((each) => each !== undefined).length !== 1)
    throw misused('Cannot run a configuration server: say where its settings are, with one of --folder, --git and --sqlite')
  if (git === undefined && (label ?? searchPaths) !== undefined)
    throw misused('Cannot use --label and --search-paths: they are of --git')
  if (folder !== undefined) return own.folderRepository(resolve(cwd, folder))
  if (sqlite !== undefined) return own.sqliteRepository(resolve(cwd, sqlite))
  const path = resolve(cwd, git!)
  try {
    return own.gitRepository({
      url: existsSync(path) ? path : git!,
      ...(label && { label }),
      ...(searchPaths && { searchPaths }),
    })
  } catch (cause) {
    throw misused((cause as Error).message)
  }
}

function credentialsOf(text: string | undefined): readonly Credentials[] {
  const lines = (text ?? '').split('\n').filter((line) => line.trim() !== '')
  return lines.map((line) => {
    const [, user, password] = /^([^:]+):(.+)$/s.exec(line.trim()) ?? []
    if (user !== undefined && password !== undefined) return { user, password }
    throw misused(`Cannot use ${CREDENTIALS}: give it as user:password`)
  })
}

const misused = (message: string): CliError => new CliError(message, { exitCode: EXIT.misuse })

/** @throws {CliError} what names what could not be done needs no stack */
function failed(cause: unknown): never {
  const { message } = cause as Error
  throw message.startsWith('Cannot ') ? new CliError(message, { cause }) : cause
}
