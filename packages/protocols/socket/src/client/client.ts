/** A client of a socket door, for browsers and Node: typed by the contract, over the platform's WebSocket, with nothing else. */
import type {
  AnyContract,
  AnyOperation,
  Contract,
  OperationErrors,
  OperationIncoming,
  OperationInput,
  OperationOutput,
  Operations,
} from 'dure/contract'
import { PROTOCOL } from '../messages.ts'
import { createPending, type Pending, type SocketCallOptions } from './pending.ts'
import { openLink, type LinkState } from './link.ts'
import { ownPlatform, type Platform } from './platform.ts'

export type { SocketCallOptions } from './pending.ts'
export type { LinkState } from './link.ts'
export type { Platform, PlatformSocket } from './platform.ts'

export type ConnectOptions<C extends AnyContract> = {
  /** `wss://shop.example/socket` */
  readonly url: string
  readonly contract: C
  /** What is said of who calls, asked for at each connection: `() => ({ authorization: 'Bearer …' })`. Default: nothing. */
  readonly headers?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  /** Told when the connection is there, is lost and waited for, or is over. */
  readonly onState?: (state: LinkState) => void
  /** Where WebSockets, timers and chance come from. Default: the browser's, or Node's, own. */
  readonly platform?: Platform
}

type Attempt<Op extends AnyOperation> =
  | { readonly ok: true; readonly value: OperationOutput<Op> }
  | { readonly ok: false; readonly error: OperationErrors<Op> }

/** How a stream goes on where its session does not: the input for what comes after the last value that came. */
export type StreamOptions<Op extends AnyOperation> = SocketCallOptions & {
  readonly again?: (last: OperationOutput<Op> | undefined) => OperationInput<Op>
}

type SocketOperation<Op extends AnyOperation> = Op['kind'] extends 'stream'
  ? (input: OperationInput<Op>, options?: StreamOptions<Op>) => AsyncIterable<OperationOutput<Op>>
  : Op['kind'] extends 'channel'
    ? (
        input: OperationInput<Op>,
        incoming: AsyncIterable<OperationIncoming<Op>>,
        options?: SocketCallOptions,
      ) => AsyncIterable<OperationOutput<Op>>
    : {
        /** @throws {DeclaredError} of the contract, or {CallError} with a canonical code */
        (
          ...given: undefined extends OperationInput<Op>
            ? [input?: OperationInput<Op>, options?: SocketCallOptions]
            : [input: OperationInput<Op>, options?: SocketCallOptions]
        ): Promise<OperationOutput<Op>>
        /** Declared errors come back as a value; everything else still throws. */
        readonly attempt: (input: OperationInput<Op>, options?: SocketCallOptions) => Promise<Attempt<Op>>
      }

/** The operations of a contract, asked over a connection. */
export type SocketClient<C extends AnyContract> =
  C extends Contract<string, infer Ops extends Operations> ? { readonly [K in keyof Ops]: SocketOperation<Ops[K]> } : never

export type SocketConnection<C extends AnyContract> = {
  readonly client: SocketClient<C>
  /** Ends it; what is under way fails with CANCELLED. */
  readonly close: () => void
}

/**
 * Connects to a socket door, and again whenever the connection is lost. Calls made meanwhile wait, to their deadline. A connection that
 * comes back to its session goes on where it was. Where the door does not know the session any more (another server), calls that may
 * be done twice are made again (queries, idempotent commands, those with an idempotency key), streams are opened again by their
 * `again`, and the rest fails with UNAVAILABLE.
 *
 * @example
 * ```ts
 * import { connect } from '@dure/socket/client'
 * import { contract, query } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const { client, close } = connect({ url: 'ws://127.0.0.1:1/socket', contract: Clock }) // nobody listens there
 * const [failed] = await Promise.allSettled([client.now(undefined, { timeout: 50 })])
 * console.log(failed.status === 'rejected' && failed.reason.code) // → DEADLINE_EXCEEDED
 * close()
 * ```
 */
export function connect<C extends AnyContract>(options: ConnectOptions<C>): SocketConnection<C> {
  const { url, contract, headers = () => ({}), onState = () => {}, platform = ownPlatform } = options
  const pending: Pending = createPending(contract, { send: (text) => link.send(text), after: platform.after })
  const link = openLink(
    { url, headers, protocol: PROTOCOL, platform },
    {
      message: pending.take,
      welcome: pending.welcome,
      anew: pending.again,
      leaving: pending.leave,
      over: pending.end,
      state: onState,
    },
  )
  const client = Object.fromEntries(
    Object.entries(contract.operations as Operations).map(([name, { kind }]) => {
      if (kind === 'stream') return [name, (input: unknown, more?: SocketCallOptions) => pending.stream(name, input, more)]
      if (kind === 'channel')
        return [
          name,
          (input: unknown, incoming: AsyncIterable<unknown>, more?: SocketCallOptions) =>
            pending.stream(name, input, more, incoming),
        ]
      const call = (input?: unknown, more?: SocketCallOptions): Promise<unknown> => pending.call(name, input, more)
      return [name, Object.assign(call, { attempt: attemptOf(call) })]
    }),
  )
  return { client: client as SocketClient<C>, close: link.close }
}

function attemptOf(call: (input?: unknown, more?: SocketCallOptions) => Promise<unknown>) {
  return async (input?: unknown, more?: SocketCallOptions): Promise<unknown> => {
    try {
      return { ok: true, value: await call(input, more) }
    } catch (error) {
      if ((error as Error).name === 'DeclaredError') return { ok: false, error }
      throw error
    }
  }
}
