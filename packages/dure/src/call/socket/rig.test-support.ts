import { realRuntime, type Runtime } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import type { Address } from '../../discovery/discovery.ts'
import type { CallContext } from '../context.ts'
import type { Peer } from '../peer.ts'
import type { Transport } from '../transport.ts'
export { until } from '../transport-rig.conformance.ts'
import { listenSocket, socketPeers, type ListenSocketOptions, type SocketListener, type SocketPeersOptions } from './socket.ts'

export const runtime: Runtime = realRuntime()
const log = silentLogger()

/** Calls that never end, and how they were told to. */
export type Seen = { waiting: number; readonly ended: string[] }

/** Answers without contracts: `echo` gives back (a channel's values as well), `echoed` tells how often, `wait` never answers, `ticks` counts for ever. */
export function echoTransport(seen: Seen = { waiting: 0, ended: [] }): Transport {
  let echoed = 0
  return {
    route: ({ operation }) => ({
      call: (input, context) => {
        if (operation === 'echoed') return Promise.resolve(echoed)
        if (operation !== 'wait') {
          echoed++
          return Promise.resolve(input)
        }
        seen.waiting++
        return new Promise((_resolve, reject) => {
          context.cancellation?.add({
            onCancel: (reason) => {
              seen.ended.push(reason)
              reject(new Error(reason))
            },
          })
        })
      },
      stream: async function* (_input, _context, incoming) {
        if (incoming !== undefined) yield* incoming
        else for (let n = 0; ; n++) yield n
      },
    }),
  }
}

export const anyPort: Address = { kind: 'tcp', host: '127.0.0.1', port: 0 }

export const listen = (options: Partial<ListenSocketOptions> = {}): Promise<SocketListener> =>
  listenSocket({ address: anyPort, transport: echoTransport(), runtime, log, ...options })

export const connect = (address: Address, options: Partial<SocketPeersOptions> = {}): Peer =>
  socketPeers({ runtime, log, backoff: { first: 5, max: 50 }, ...options })(address)

export function contextFor(timeout: number = 20_000): CallContext {
  const sentAt = runtime.clock.monotonic()
  return {
    sentAt,
    deadline: sentAt + timeout,
    cancellation: undefined,
    correlationId: 'correlation',
    causationId: undefined,
    traceparent: undefined,
    caller: undefined,
    idempotencyKey: undefined,
    principal: undefined,
    metadata: undefined,
  }
}

export const echo = (peer: Peer, input: unknown, timeout?: number): Promise<unknown> =>
  peer.route({ service: 'rig', operation: 'echo' }).call(input, contextFor(timeout))

export const wait = (peer: Peer, timeout?: number): Promise<unknown> =>
  peer.route({ service: 'rig', operation: 'wait' }).call(undefined, contextFor(timeout))
