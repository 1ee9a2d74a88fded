import type { Command, RouteMap } from '@stricli/core'
import type { SchemaClient, SchemaText } from '@dure/registry-schemas'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { visible } from '../format.ts'
import { table } from '@dure/simulation/text/internal'
import { CliError, EXIT, layoutOf, paint, type Shell } from '../shell.ts'
import { defineCommand, defineRoutes, jsonFlag, parsedFlag, printResult, textFlag, wholeNumber } from './parameters.ts'

type Library = typeof import('@dure/registry-schemas')
type Common = { readonly registry?: string; readonly json?: boolean }

const common = {
  registry: textFlag('URL', 'The registry (default SCHEMA_REGISTRY_URL, or http://127.0.0.1:8081)'),
  json: jsonFlag,
} as const
const subjectParameter = { parse: String, placeholder: 'SUBJECT', brief: 'Such as order.placed-value' } as const
const fileParameter = { parse: String, placeholder: 'FILE', brief: 'A JSON Schema; Avro where its name ends in .avsc' } as const

const listCommand: Command<Shell> = defineCommand({
  brief: 'List the subjects of a registry with their versions',
  help: 'Lists the subjects of a schema registry, each with the versions that it has.',
  examples: ['dure schemas list', 'dure schemas list --registry https://registry.example.com'],
  flags: common,
  positional: { kind: 'tuple', parameters: [] },
  async func(this: Shell, flags: Common): Promise<void> {
    const found = await asked(this, flags, async (client) => {
      const all: { readonly subject: string; readonly versions: readonly number[] }[] = []
      for (const subject of await client.subjects()) all.push({ subject, versions: await client.versions(subject) })
      return all
    })
    printResult(this, flags, found, () => {
      if (found.length === 0) return 'It has no schemas'
      const layout = layoutOf(this)
      const rows = found.map(({ subject, versions }) => [visible(subject), versions.join(', ')])
      const [head = '', ...rest] = table([['SUBJECT', 'VERSIONS'], ...rows], { columns: layout.columns, shorten: [1, 0] })
      return [paint(layout, 'dim', head), ...rest].join('\n')
    })
  },
})

const showCommand: Command<Shell> = defineCommand({
  brief: 'Show a schema',
  help: 'Shows the schema of a subject as it is registered: the last version, or the one that is named.',
  examples: ['dure schemas show order.placed-value', 'dure schemas show order.placed-value --version 1'],
  flags: { ...common, version: parsedFlag(wholeNumber(1, 2 ** 31 - 1), 'N', 'Which version (default the last)') },
  positional: { kind: 'tuple', parameters: [subjectParameter] },
  async func(this: Shell, flags: Common & { readonly version?: number }, subject: string): Promise<void> {
    const found = await asked(this, flags, (client) => client.version(subject, flags.version ?? 'latest'))
    printResult(this, flags, found, () => JSON.stringify(JSON.parse(found.text), undefined, 2))
  },
})

const checkCommand: Command<Shell> = defineCommand({
  brief: 'Say whether a schema may come after the last version of a subject',
  help: `
        Asks the registry whether a schema is compatible with the last version of a subject, by the level that the subject has.
        Exits with 1 when it is not.`,
  examples: ['dure schemas check order.placed-value order.json'],
  flags: common,
  positional: { kind: 'tuple', parameters: [subjectParameter, fileParameter] },
  async func(this: Shell, flags: Common, subject: string, file: string): Promise<void> {
    const schema = readSchema(this, file)
    const { compatible, messages } = await asked(this, flags, (client) => client.check(subject, schema))
    printResult(this, flags, { compatible, messages }, () =>
      compatible ? 'Compatible' : ['Not compatible:', ...messages.map((each) => `  ${each}`)].join('\n'),
    )
    if (!compatible) this.process.exitCode = EXIT.failed
  },
})

const registerCommand: Command<Shell> = defineCommand({
  brief: 'Register a schema under a subject',
  help: 'Registers a schema and prints its id: that of before, when the subject has it already. What is not compatible is refused.',
  examples: ['dure schemas register order.placed-value order.avsc'],
  flags: common,
  positional: { kind: 'tuple', parameters: [subjectParameter, fileParameter] },
  async func(this: Shell, flags: Common, subject: string, file: string): Promise<void> {
    const schema = readSchema(this, file)
    const id = await asked(this, flags, (client) => client.register(subject, schema))
    printResult(this, flags, { id }, () => String(id))
  },
})

export const schemasCommands: RouteMap<Shell> = defineRoutes({
  routes: { list: listCommand, show: showCommand, check: checkCommand, register: registerCommand },
  brief: 'Look at a schema registry, and register schemas in it',
  help: `
        Looks at a schema registry with Confluent's REST interface, such as that of @dure/registry-schemas, and registers schemas in it. A
        system that says schemas: registry({ url }) registers those of its events itself, when it starts.`,
  examples: ['dure schemas list', 'dure schemas check order.placed-value order.json'],
})

/** @throws {CliError} with what the registry said, or why it cannot be asked */
async function asked<T>(shell: Shell, { registry }: Common, work: (client: SchemaClient) => Promise<T>): Promise<T> {
  const url = registry ?? shell.process.env?.['SCHEMA_REGISTRY_URL'] ?? 'http://127.0.0.1:8081'
  const { schemaClient } = await library(shell)
  try {
    return await work(schemaClient({ url }))
  } catch (cause) {
    const { name, message } = cause as Error
    if (name === 'SchemaFault') throw new CliError(`The schema registry says: ${message}`, { cause })
    if (name === 'RegistryAway') {
      // Without whom it was asked for.
      throw new CliError(
        `Cannot ask the schema registry at ${new URL(url).origin}: ${message}; start it, or give its address with --registry`,
        { cause },
      )
    }
    if (name === 'TypeError' && message.startsWith('Cannot ')) throw new CliError(message, { exitCode: EXIT.misuse, cause })
    throw cause
  }
}

function readSchema(shell: Shell, file: string): SchemaText {
  const path = resolve(shell.cwd, file)
  if (!existsSync(path) || !statSync(path).isFile())
    throw new CliError(`Cannot read "${file}": there is no such file`, { exitCode: EXIT.misuse })
  return { type: file.endsWith('.avsc') ? 'AVRO' : 'JSON', text: readFileSync(path, 'utf8') }
}

/** The project's own: who has a registry has it. */
async function library({ cwd }: Shell): Promise<Library> {
  try {
    return (await import(
      pathToFileURL(createRequire(join(cwd, 'package.json')).resolve('@dure/registry-schemas')).href
    )) as Library
  } catch (cause) {
    const why =
      'Cannot look at a schema registry: "@dure/registry-schemas" is not installed here; run: npm install @dure/registry-schemas'
    throw new CliError(why, { exitCode: EXIT.failed, cause })
  }
}
