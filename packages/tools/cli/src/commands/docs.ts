import type { Command } from '@stricli/core'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { asyncapi, describeContract, openapi } from 'dure/contract'
import { drawNumbers } from 'dure/contract/internal'
import type { System } from 'dure/service'
import { contractsOf, loadSystem, readersOf } from '../load.ts'
import { CliError, print, say, type Shell } from '../shell.ts'
import { defineCommand, systemParameter, textFlag } from './parameters.ts'

const FORMATS = ['openapi', 'asyncapi', 'graphql', 'wsdl', 'thrift', 'proto', 'contract', 'numbers'] as const
type Format = (typeof FORMATS)[number]
type Flags = { readonly format: Format; readonly out?: string }

export const docsCommand: Command<Shell> = defineCommand({
  brief: 'Write the documents drawn from contracts',
  help: `
        Draws a document from the contracts of a system: openapi (operations over HTTP), asyncapi (events, who reacts to them, and
        where the broker is), graphql (the schema of @dure/graphql), wsdl (of @dure/soap), thrift (the IDL of @dure/thrift),
        proto (of @dure/grpc; a file for each contract, so --out is a folder), contract (descriptions that "dure compat" compares),
        or numbers (of fields, which gRPC and Thrift need and contracts take as "numbers"; what has one keeps it).`,
  examples: [
    'dure docs',
    'dure docs --format asyncapi --out docs/events.json',
    'dure docs src/system.ts --format contract --out contracts.json',
  ],
  flags: {
    format: {
      kind: 'enum',
      values: FORMATS,
      default: 'openapi',
      brief: 'What to draw',
    },
    out: textFlag('FILE', 'Write to this file'),
  },
  positional: { kind: 'tuple', parameters: [systemParameter] },
  async func(this: Shell, flags: Flags, file?: string): Promise<void> {
    const { system } = await loadSystem(file, this.cwd)
    const { out } = flags
    if (flags.format !== 'proto') {
      const text = await draw(system, flags.format)
      if (out === undefined) return print(this, text)
      return write(this, out, text)
    }
    const { protoDocument } = await import('@dure/grpc')
    const files = contractsOf(system).map((one) => protoDocument(one))
    for (const { file: name, text } of files)
      if (out === undefined) print(this, files.length === 1 ? text : `// ${name}\n${text}`)
      else write(this, join(out, name), text)
  },
})

function write(shell: Shell, file: string, text: string): void {
  const path = resolve(shell.cwd, file)
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text.endsWith('\n') ? text : `${text}\n`)
  } catch (cause) {
    throw new CliError(`Cannot write "${file}": ${(cause as Error).message}`, { cause })
  }
  say(shell, `Wrote ${file}`)
}

async function draw(system: System, format: Exclude<Format, 'proto'>): Promise<string> {
  const contracts = contractsOf(system)
  switch (format) {
    case 'openapi':
      return json(openapi(contracts, { title: system.name, remembers: rememberedBy(system) }))
    case 'asyncapi':
      return json(asyncapi(contracts, { title: system.name, ...system.broker.place, readers: readersOf(system) }))
    case 'graphql': {
      const { graphqlDocument } = await import('@dure/graphql')
      return graphqlDocument(contracts)
    }
    case 'wsdl': {
      const { wsdlDocument } = await import('@dure/soap')
      return wsdlDocument(contracts)
    }
    case 'thrift': {
      const { thriftDocument } = await import('@dure/thrift')
      return thriftDocument(contracts)
    }
    case 'contract':
      return json({ system: system.name, contracts: contracts.map(describeContract), readers: readersOf(system) })
    case 'numbers':
      return json(Object.fromEntries(contracts.map((one) => [one.name, drawNumbers(one)])))
  }
}

const rememberedBy =
  (system: System) =>
  (service: string): boolean =>
    system.services.some(({ contract, database }) => contract.name === service && database !== undefined)

const json = (value: unknown): string => JSON.stringify(value, undefined, 2)
