import type { AnyContract, AnyOperation } from 'dure/contract'
import type { CallContext } from 'dure/call'
import type { Address } from 'dure/discovery'
import { realRuntime, type Runtime } from 'dure/runtime'
import type { Handlers } from 'dure/service'
import { thriftPeers, type ThriftPeersOptions, type ThriftTls } from './peer.ts'
import type { ThriftClientLimits } from './limits.ts'

export type ThriftHandlersOptions = {
  /** Where the service is: `{ kind: 'tcp', host: 'stock.example', port: 9090 }`. */
  readonly address: Address
  /** Default `binary`. */
  readonly protocol?: 'binary' | 'compact'
  /** Whether methods are called by service and name, `Stock:reserve`. Default false. */
  readonly multiplexed?: boolean
  /** Commands that are sent without waiting for an answer, by their places: `stock.forget`. */
  readonly oneway?: readonly string[]
  /** Whether calls say deadline, trace and correlation in a second argument. Default true: who does not know it leaves it out. */
  readonly headers?: boolean
  /** The header `authorization`, asked for at each call and at once: on whose behalf it is. */
  readonly authorization?: ThriftPeersOptions['authorization']
  /** Certificates, in PEM, for TLS. Default: bare TCP. */
  readonly tls?: ThriftTls
  readonly limits?: Partial<ThriftClientLimits>
  /** Default: the real world. */
  readonly runtime?: Pick<Runtime, 'clock' | 'timers' | 'random'>
}

/**
 * Handlers that ask a service of others over Thrift: any door before them translates, and deadlines, traces and declared errors come along.
 * @throws {TypeError} for a contract with streams, without numbers of its fields, and for limits that cannot be used
 *
 * @example
 * ```ts
 * import { thriftHandlers } from '@dure/thrift'
 * import { contract, query } from 'dure/contract'
 * import { service } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Stock = contract('stock', {
 *   version: '1.0.0',
 *   owner: 'team-stock',
 *   operations: { left: query({ input: z.object({ sku: z.string() }), output: z.int(), http: 'GET /stock/{sku}' }) },
 *   numbers: { StockLeftInput: { sku: 1 } },
 * })
 * const handlers = thriftHandlers(Stock, { address: { kind: 'tcp', host: '127.0.0.1', port: 9090 } })
 * console.log(service(Stock, { handlers }).contract.name) // → stock
 * ```
 */
export function thriftHandlers<C extends AnyContract>(contract: C, options: ThriftHandlersOptions): Handlers<C, {}, undefined> {
  const { address, runtime = realRuntime(), ...settings } = options
  const operations = Object.entries(contract.operations as Readonly<Record<string, AnyOperation>>)
  const streams = operations.filter(([, { kind }]) => kind === 'stream' || kind === 'channel')
  if (streams.length > 0)
    throw new TypeError(
      `Cannot ask "${contract.name}" over Thrift: ${streams.map(([name]) => `"${name}"`).join(', ')} would be a stream, and Thrift has calls alone; give a contract without it`,
    )
  const peer = thriftPeers({ ...settings, contracts: [contract], runtime })(address)
  return Object.fromEntries(
    operations.map(([operation]) => {
      const { call } = peer.route({ service: contract.name, operation })
      return [operation, (input: unknown, context: CallContext) => call(input, context)]
    }),
  ) as unknown as Handlers<C, {}, undefined>
}
