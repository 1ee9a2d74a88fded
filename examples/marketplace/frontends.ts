/** What is made for the shop's own clients: a service for browsers and one for telephones, each behind its host at one gateway. */
import { apiKeys, gateway, type Filter, type GatewayOptions } from '@dure/gateway'
import { rest } from '@dure/rest'
import { breaker } from 'dure/resilience'
import type { Door, Service } from 'dure/service'
import { Mobile } from './services/mobile/contract.ts'
import { mobile } from './services/mobile/service.ts'
import { Web } from './services/web/contract.ts'
import { web } from './services/web/service.ts'

/** Each by the host that its clients ask; names below `localhost` lead to this machine. */
const FRONTENDS = [
  { host: 'web.localhost', contract: Web },
  { host: 'm.localhost', contract: Mobile },
] as const

/** Milliseconds for which one that fails is asked for nothing. */
const OPEN = { first: 1_000, max: 10_000 }

export const frontends: readonly Service[] = [web, mobile]
export const frontendContracts: readonly (typeof Web | typeof Mobile)[] = FRONTENDS.map(({ contract }) => contract)

export type FrontendDoors = Pick<GatewayOptions, 'port' | 'host' | 'accessLog'> & {
  /** A file of keys, as `apiKeys` reads it: whoever has none is turned away. Default: everybody is let in, and nobody is known. */
  readonly keys?: string | undefined
}

/**
 * A door for each, which only this machine reaches, without pages of what is inside, and the gateway before them: who asks is found
 * out, and written down, there and once for both.
 */
export function frontendDoors({ keys, ...at }: FrontendDoors): readonly Door[] {
  const known: readonly Filter[] = keys === undefined ? [] : [apiKeys({ file: keys })]
  const routes = FRONTENDS.map(({ host, contract: { name } }) => [name, { host, to: name, guard: breaker({ name, open: OPEN }) }])
  return [
    ...FRONTENDS.map(({ contract }) =>
      rest({ name: `${contract.name}-rest`, port: 0, contracts: [contract], pages: false, announce: { host: '127.0.0.1' } }),
    ),
    gateway({ ...at, routes: { filters: known, routes: Object.fromEntries(routes) } }),
  ]
}
