/** The contract of a product, as its owner has published it: whatever is in it is somebody else's text. */
import { CallError, type ContractDescription } from 'dure/contract'
import { typeReader, type NamedType, type TypeRef } from 'dure/contract/internal'
import { z } from 'zod'
import type { Described, Product } from './asked.ts'
import type { Entry } from './search.ts'

const Schema = z.record(z.string(), z.unknown())
const Text = z.string().optional()
const Failure = z.object({ status: z.string(), http: z.number(), data: Schema.optional(), description: Text })
const Operation = z.object({
  kind: z.string(),
  input: Schema.optional(),
  output: Schema.optional(),
  incoming: Schema.optional(),
  errors: z.record(z.string(), Failure),
  scope: Text,
  roles: z.array(z.string()).optional(),
  access: Text,
  idempotent: z.boolean(),
  http: z.object({ routes: z.array(z.string()) }).optional(),
  description: Text,
  deprecated: z.boolean().optional(),
})
const Event = z.object({ version: z.number(), schema: Schema, topic: z.string(), key: Text, description: Text })
const Published = z.object({
  name: z.string(),
  description: Text,
  operations: z.record(z.string(), Operation),
  events: z.record(z.string(), Event),
})

export type PublishedOperation = ContractDescription['operations'][string]
export type PublishedEvent = ContractDescription['events'][string]

/** @throws {CallError} FAILED_PRECONDITION when it is not what `describeContract` makes */
export function publishedIn({ contract, version }: Described, product: string): ContractDescription {
  const { error } = Published.safeParse(contract)
  if (error === undefined) return contract as ContractDescription
  const { path, message } = error.issues[0]!
  throw new CallError(
    'FAILED_PRECONDITION',
    `Cannot show ${version} of "${product}": "${path.join('.')}" of its contract is wrong (${message}); its owner has to publish it anew`,
  )
}

export type OperationTypes = {
  readonly input: TypeRef
  readonly output: TypeRef
  readonly incoming: TypeRef
  readonly errors: ReadonlyMap<string, TypeRef>
  readonly types: ReadonlyMap<string, NamedType>
}

export function typesOfOperation(product: string, name: string, operation: PublishedOperation): OperationTypes {
  const { types, read } = typeReader()
  return {
    input: read(operation.input, product, name, 'input'),
    output: read(operation.output, product, name, 'output'),
    incoming: read(operation.incoming, product, name, 'sent'),
    errors: new Map(Object.entries(operation.errors).map(([code, { data }]) => [code, read(data, code.toLowerCase(), 'data')])),
    types,
  }
}

export function typesOfEvent(name: string, { schema }: PublishedEvent): { ref: TypeRef; types: OperationTypes['types'] } {
  const { types, read } = typeReader()
  return { ref: read(schema, name), types }
}

/** What a product is found by. */
export function entriesOf({ name, owner, summary }: Product, contract: ContractDescription | undefined): readonly Entry[] {
  const about = summary ?? contract?.description ?? ''
  return [
    { kind: 'product', name, summary: about, text: [owner, contract?.description].join('\n') },
    ...Object.entries(contract?.operations ?? {}).map(([operation, described]): Entry => {
      const { types } = typesOfOperation(name, operation, described)
      const failures = Object.entries(described.errors).flatMap(([code, { description = '' }]) => [code, description])
      const text = [name, ...(described.http?.routes ?? []), ...failures, ...wordsOf(types)].join('\n')
      return { kind: 'operation', name: operation, summary: described.description ?? '', text }
    }),
    ...Object.entries(contract?.events ?? {}).map(([event, described]): Entry => {
      const text = [name, ...wordsOf(typesOfEvent(event, described).types)].join('\n')
      return { kind: 'event', name: event, summary: described.description ?? '', text }
    }),
  ]
}

function wordsOf(types: ReadonlyMap<string, NamedType>): readonly string[] {
  return [...types.values()].flatMap((type) => [
    ...[type.name, type.description ?? ''],
    ...('fields' in type ? type.fields.flatMap(({ name, description = '' }) => [name, description]) : []),
    ...('values' in type ? type.values : []),
  ])
}
