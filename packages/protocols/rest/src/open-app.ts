import type { AnyContract } from 'dure/contract'
import { openState, secureServer, servedOperations, type DoorTls } from 'dure/door/internal'
import type { DoorHost, World } from 'dure/service'
import type { FastifyInstance } from 'fastify'
import type { Limits } from './limits.ts'
import type { Served } from './operation.ts'
import type { DoorState } from './reply.ts'

/** What is served, and how, wherever requests come from. */
export type AppOptions = {
  readonly name?: string
  readonly limits: Limits
  readonly tls?: DoorTls | undefined
  readonly contracts?: readonly AnyContract[] | { readonly except: readonly AnyContract[] }
  readonly unknownFields?: 'refuse' | 'drop'
  readonly pages?: string | false
  readonly docs?: boolean
}

export type App = {
  readonly app: FastifyInstance
  readonly state: DoorState
  readonly served: readonly Served[]
  readonly secure: ReturnType<typeof secureServer> | undefined
}

/** The server with the routes of a system's contracts; it does not listen yet. */
export async function openApp(host: DoorHost, world: World, options: AppOptions): Promise<App> {
  const { name = 'rest', limits, tls, unknownFields = 'refuse', pages = '', docs = false } = options
  const state: DoorState = openState({ door: name, limits, world, host })
  const contracts = contractsOf(options, host)
  const served = servedOperations(host, contracts).flatMap((one) => {
    const { http } = one.operation.bindings
    return http === undefined ? [] : [{ ...one, http }]
  })
  // Every process of a split system names its doors, and one opens them: the others need not load a server.
  const { createServer } = await import('./server.ts')
  const secure = tls && secureServer({ ...world, tls })
  const app = createServer({ served, contracts, state, secure: secure?.options, unknownFields, pages, docs })
  return { app, state, served, secure }
}

function contractsOf({ contracts }: AppOptions, host: DoorHost): readonly AnyContract[] {
  if (contracts === undefined || !('except' in contracts)) return contracts ?? host.contracts
  const others = new Set(contracts.except.map(({ name }) => name))
  return host.contracts.filter(({ name }) => !others.has(name))
}
