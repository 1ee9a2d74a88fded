import { isDeepStrictEqual } from 'node:util'
import { rest } from '@dure/rest'
import { httpPeers, requestWriter } from '@dure/rest/internal'
import type { AnyOperation } from 'dure/contract'
import { routesOf, wireOf } from 'dure/contract/internal'
import type { Placement } from './copies.ts'
import { fits, throughDoor } from './door.ts'

/**
 * The caller reaches operations that have a route through a door of HTTP, by that route. Inputs that a URL or JSON cannot say (`-0`, an
 * empty part of a path) are not compared.
 */
export const overHttp: Placement = throughDoor({
  name: 'over HTTP',
  carries: ({ bindings }) => bindings.http !== undefined,
  door: (contracts) =>
    rest({
      ...{ port: 0, pages: false, announce: false, contracts, unknownFields: 'drop' },
      limits: { deadline: 86_400_000, body: 64 * 1_048_576, requests: 10_000 },
    }),
  peers: httpPeers,
  isSaid: (contract, name) => saidOverHttp((contract.operations as Readonly<Record<string, AnyOperation>>)[name]!),
})

function saidOverHttp(operation: AnyOperation): (input: unknown) => boolean {
  const isInput = fits(operation)
  const { toJson, fromJson } = wireOf(operation.input, 'input')
  const write = requestWriter(operation, routesOf(operation.bindings.http)[0]!)
  return (input) => {
    if (!isInput(input)) return false
    const json = JSON.stringify(toJson(input))
    return isDeepStrictEqual(json === undefined ? undefined : fromJson(JSON.parse(json)), input) && write(input).ok
  }
}
