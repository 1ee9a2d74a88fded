/** What a gateway is told when it opens. */
import type { AnyContract } from 'dure/contract'
import type { ContractRoutesOptions } from './contracts.ts'
import type { Limits } from './proxy/proxy.ts'
import type { GatewayConfiguration, LiveRoutes } from './routes/routes.ts'
import type { TlsOptions } from './tls/tls.ts'

export type GatewayOptions = {
  /** What goes where; with `liveRoutes` it can change while the gateway runs. Default: what contracts say, and nothing else. */
  readonly routes?: GatewayConfiguration | LiveRoutes
  /**
   * Contracts whose operations with an HTTP mapping are routes, behind those that are written down. Default: of a door of a system for
   * which no `routes` are given, all of the system; else none.
   */
  readonly contracts?: readonly AnyContract[]
  /** What their routes have besides what they say. */
  readonly contractRoutes?: ContractRoutesOptions
  /** Name in logs, metrics and lists. Default `gateway`. */
  readonly name?: string
  /** Default: the environment variable PORT, else 8080. 0 takes any free port. */
  readonly port?: number
  /** Default `DURE_HOST`, else 127.0.0.1: this machine only. `0.0.0.0` is everybody. */
  readonly host?: string
  readonly limits?: Partial<Limits>
  /** Certificates: it then speaks TLS alone, and HTTP/2 with those who know it. They can stand among the routes as well. */
  readonly tls?: TlsOptions
  /** Whether what requests say of where they came from (`X-Forwarded-*`, `Forwarded`) is true: only behind a proxy of one's own. Default false. */
  readonly trustForwarded?: boolean
  /**
   * Where a line of JSON goes for each request: a file, or who takes lines, and answers false when it can take no more for now: for 200 ms
   * lines are dropped then, and counted. Default none.
   */
  readonly accessLog?: string | ((lines: string) => boolean | void)
}
