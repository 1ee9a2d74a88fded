import { wireOf } from 'dure/contract/internal'
import type { AnyContract, AnyOperation, AnySchema, ErrorTypes } from 'dure/contract'

type JsonSchema = { readonly [keyword: string]: unknown }

/** Contracts as a document for people: what each service can be asked, what it answers and what it announces. */
export function markdown(title: string, contracts: readonly AnyContract[]): string {
  const contents = contracts.map(
    ({ name, description }) => `- [${name}](#${name})${description === undefined ? '' : `: ${description}`}`,
  )
  return [`# ${title}`, contents.join('\n'), ...contracts.map(service), '']
    .filter((part, i, all) => part !== '' || i === all.length - 1)
    .join('\n\n')
}

function service(contract: AnyContract): string {
  const operations = Object.entries(contract.operations as Readonly<Record<string, AnyOperation>>)
  return [
    `## ${contract.name}`,
    ...(contract.description === undefined ? [] : [contract.description]),
    `Version ${contract.version}, owned by ${contract.owner}.`,
    ...operations.map(([name, operation]) => describeOperation(contract.name, name, operation)),
    ...contract.events.map(({ name, version, description, schema }) =>
      lines([`### Event \`${name}\``, description, `Version ${version} of its data:`, fields(schema as AnySchema, 'output')]),
    ),
  ].join('\n\n')
}

function describeOperation(service: string, name: string, operation: AnyOperation): string {
  const facts = [
    operation.kind,
    operation.kind === 'command' && operation.idempotent ? 'idempotent' : undefined,
    operation.scope === undefined ? undefined : `needs the scope \`${operation.scope}\``,
    `${operation.deadline} ms`,
    operation.deprecated ? '**deprecated**' : undefined,
  ]
  return lines([
    `### \`${service}.${name}\``,
    operation.description,
    `${facts.filter((fact) => fact !== undefined).join(', ')}.`,
    operation.http?.routes.map((route) => `- \`${route}\``).join('\n'),
    operation.input === undefined ? 'Takes no input.' : `Input:\n\n${fields(operation.input, 'input')}`,
    operation.output === undefined
      ? 'Answers with nothing.'
      : `${operation.kind === 'stream' ? 'Each value' : 'Output'}:\n\n${fields(operation.output, 'output')}`,
    errors(Object.values(operation.errors as ErrorTypes)),
  ])
}

function errors(types: readonly ErrorTypes[string][]): string | undefined {
  if (types.length === 0) return undefined
  const rows = types.map((type) => `| \`${type.code as string}\` | ${type.http} | ${cell(type.description ?? '')} |`)
  return `Errors:\n\n| Code | HTTP | Meaning |\n|---|---|---|\n${rows.join('\n')}`
}

function fields(schema: AnySchema, side: 'input' | 'output'): string {
  const drawn = wireOf(schema, side).jsonSchema
  const properties = (drawn['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>
  if (Object.keys(properties).length === 0) return `\`${typeText(drawn)}\``
  const required = new Set(Array.isArray(drawn['required']) ? (drawn['required'] as string[]) : [])
  const rows = Object.entries(properties).map(
    ([name, field]) =>
      `| \`${name}\` | \`${cell(typeText(field))}\` | ${required.has(name) ? 'yes' : ''} | ${cell(noteOf(field))} |`,
  )
  return `| Field | Type | Required | |\n|---|---|---|---|\n${rows.join('\n')}`
}

/** A schema in a word or two: `integer`, `string[]`, `"card" or "voucher"`. */
export function typeText(schema: JsonSchema, depth = 0): string {
  if (typeof schema['x-dure-type'] === 'string') return schema['x-dure-type']
  if ('const' in schema) return JSON.stringify(schema['const'])
  if (Array.isArray(schema['enum'])) return schema['enum'].map((value) => JSON.stringify(value)).join(' or ')
  for (const keyword of ['anyOf', 'oneOf']) {
    const variants = schema[keyword]
    if (Array.isArray(variants)) return variants.map((variant) => typeText(variant as JsonSchema, depth + 1)).join(' or ')
  }
  if (typeof schema['$ref'] === 'string') return schema['$ref'].split('/').at(-1) ?? 'object'
  if (schema['type'] === 'array') return `${depth > 3 ? '…' : typeText((schema['items'] ?? {}) as JsonSchema, depth + 1)}[]`
  if (schema['type'] === 'object' && schema['properties'] !== undefined) {
    const names = Object.keys(schema['properties'] as object)
    return depth > 1 ? 'object' : `{ ${names.join(', ')} }`
  }
  return schema['type'] === undefined ? 'any' : [schema['type']].flat().join(' or ')
}

function noteOf(field: JsonSchema): string {
  const notes = [
    field['description'],
    field['format'] === undefined || field['x-dure-type'] !== undefined ? undefined : `format ${String(field['format'])}`,
    field['default'] === undefined ? undefined : `default ${JSON.stringify(field['default'])}`,
  ]
  return notes.filter((note) => note !== undefined).join('; ')
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
const lines = (parts: readonly (string | undefined)[]): string => parts.filter((part) => part !== undefined).join('\n\n')
