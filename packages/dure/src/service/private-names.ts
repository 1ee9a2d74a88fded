import type { AnyContract, AnyOperation, AnySchema, ErrorTypes } from '../contract/contract.ts'
import { privateFieldsOf, type Privacy } from '../contract/internal.ts'
import type { Service } from './definition.ts'

/** Names of the fields that never leave, of whatever a service sends, gets and asks for. */
export function privateNames({ contract, needs, reactions, config }: Service): ReadonlyMap<string, Privacy> {
  const schemas = [
    ...[contract, ...Object.values(needs)].flatMap(schemasOf),
    ...reactions.map(({ event }) => event.schema),
    ...(config === undefined ? [] : [config]),
  ]
  return new Map(schemas.flatMap((schema) => [...(privateFieldsOf(schema, 'output')?.names ?? [])]))
}

function schemasOf({ operations, events }: AnyContract): readonly AnySchema[] {
  const all = Object.values(operations as Readonly<Record<string, AnyOperation>>).flatMap(
    ({ input, output, incoming, errors }) => [
      ...[input, output, incoming],
      ...Object.values(errors as ErrorTypes).map(({ data }) => data),
    ],
  )
  return [...all, ...events.map(({ schema }) => schema)].filter((schema): schema is AnySchema => schema !== undefined)
}
