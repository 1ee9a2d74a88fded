import type { Guard } from 'dure/resilience'
import type { Filter } from '../filter.ts'
import type { TlsOptions } from '../tls/tls.ts'
import type { UpstreamOptions } from '../upstreams/upstreams.ts'

/** Where a request goes, and how. What is not given is asked for by no request. */
export type RouteOptions = {
  /** `api.example.com`; `*.example.com` for one label before it; `**.example.com` for all below it. Default: any. */
  readonly host?: string
  /** `/orders/{id}`: this path alone, `{…}` standing for any one segment. */
  readonly path?: string
  /** `/orders`: this path and all below it. Default, without a `path`: all. */
  readonly prefix?: string
  readonly methods?: readonly string[]
  /** By name: the value that the header must have, whole or among others that it lists, or true for any but an empty one. */
  readonly headers?: Readonly<Record<string, string | true>>
  /** Parameters of the query by name, decoded: the value that one must have, or true for any. */
  readonly query?: Readonly<Record<string, string | true>>
  /** Cookies by name: the value that one must have, or true for any. One whose value is none by RFC 6265 is not there. */
  readonly cookies?: Readonly<Record<string, string | true>>
  /** Where clients are: addresses, or networks (`10.0.0.0/8`). */
  readonly addresses?: readonly string[]
  /** Name of an upstream, or of a service of the registry; or several, each with its share. */
  readonly to: string | readonly { readonly upstream: string; readonly weight: number }[]
  /** Of clients that have this cookie, each comes to the same upstream and instance again; who has none is given one. Default: none. */
  readonly sticky?: string
  /** Milliseconds to the head of the answer, from when the request has arrived. Default 30,000. */
  readonly timeout?: number
  /**
   * Milliseconds after which an instance that has not begun to answer is taken for one that stands still: what may be sent again is, to
   * another instance, while `timeout` goes on. Well above what an answer takes. Default: none, and `timeout` alone counts.
   */
  readonly attemptTimeout?: number
  /** How often it may be sent, the first time included. Default 2. Only what is idempotent is sent again, and within the budget. */
  readonly attempts?: number
  /** Whether its requests may be sent again, whatever their method. Default: as their method says. */
  readonly idempotent?: boolean
  /** Around each other, the first outermost. */
  readonly filters?: readonly Filter[]
  /** `breaker`, `rateLimit`, `limit`, `bulkhead` of `dure/resilience`, or several of them in an order (`compose`). */
  readonly guard?: Guard
}

export type GatewayConfiguration = {
  /** What it is called where gateways are asked for what they have: a commit, a date. Default of a file: a hash of what it says. */
  readonly version?: string
  readonly routes: Readonly<Record<string, RouteOptions>>
  /** By the names that routes know. A name that is not here is that of a service in the registry. */
  readonly upstreams?: Readonly<Record<string, UpstreamOptions>>
  /** Around those of each route. */
  readonly filters?: readonly Filter[]
  /** Certificates, where the gateway's own options have none: so they can change with the routes. */
  readonly tls?: TlsOptions
}
