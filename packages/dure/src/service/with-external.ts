import type { Transport } from '../call/call.ts'
import type { Route } from '../call/internal.ts'
import type { Disposables } from './disposables.ts'
import type { External, ExternalWorld } from './external.ts'
import { releasing } from './release.ts'

/** A transport that takes the calls of external services their own ways, and all others as before. */
export async function withExternal(
  external: readonly External[],
  transport: Transport,
  world: ExternalWorld,
  disposables: Disposables,
): Promise<Transport> {
  if (external.length === 0) return transport
  const ways = new Map<string, Transport>()
  for (const { contract, connect } of external) {
    const way = await connect(world)
    disposables.add(`way to "${contract.name}"`, () => way.stop())
    ways.set(contract.name, way)
  }
  return {
    ...transport,
    route: (target) => {
      const way = ways.get(target.service)
      if (way === undefined) return transport.route(target)
      return target.operation in releasing ? HOLDS_NOTHING : way.route(target)
    },
  }
}

/** Keys of commands are held by services of Dure's alone. */
const HOLDS_NOTHING: Route = {
  call: () => Promise.resolve(undefined),
  stream: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }) }),
}
