/** The calls of one session. */
import { CallError } from 'dure/contract'
import { admit, Cancellation, failureOf, Refusal, sendStream } from 'dure/door/internal'
import { beginCall, type CallMessage, type HeaderOf } from './call.ts'
import { createIncoming, type Incoming } from './incoming.ts'
import { valueText } from './messages.ts'
import { bodyOf, type Served, type SocketState } from './served.ts'
import type { Session } from './session.ts'

export type Calls = {
  readonly count: () => number
  readonly has: (id: number) => boolean
  readonly begin: (message: CallMessage) => void
  /** A value, or the end, of what the caller of a channel sends; of a call that is over it is dropped. */
  readonly value: (id: number, value: unknown, bytes: number) => void
  readonly end: (id: number) => void
  readonly cancel: (id: number) => void
  /** Callers of channels send nothing more. */
  readonly endIncoming: () => void
  readonly more: (id: number, bytes: number) => void
  /** Goes on for another connection. */
  readonly follow: (connection: ForConnection) => void
  /** Nobody is there for any answer. */
  readonly stop: () => void
}

type Call = {
  readonly served: Served
  readonly gone: Cancellation
  /** Nobody waits for its answer any more. */
  leave: (() => void) | undefined
  readonly incoming: Incoming | undefined
  /** Bytes that its client takes; undefined: as many as come. */
  credit: number | undefined
  /** Goes on with a stream that waits for credit. */
  resume: (() => void) | undefined
}

type ForConnection = {
  /** Of the connection, for what a call does not say itself: its credentials. */
  readonly header: HeaderOf
  /** Told when a call is over. */
  readonly over: () => void
}

export function createCalls(
  options: ForConnection & {
    readonly state: SocketState
    readonly operations: ReadonlyMap<string, Served>
    readonly session: Session
  },
): Calls {
  const { state, operations, session } = options
  let connection: ForConnection = options
  const { limits } = state
  const calls = new Map<number, Call>()

  const refuse = (id: number, error: unknown): void => session.send(refusalText(state, id, error))

  const begin = (message: CallMessage): void => {
    const { id } = message
    const served = operations.get(message.call)
    const refusal = refusalOf(served, message)
    if (served === undefined || refusal !== undefined) return refuse(id, refusal)
    const call: Call = {
      ...{ served, gone: new Cancellation(), leave: undefined, credit: message.window, resume: undefined },
      incoming:
        served.operation.kind === 'channel'
          ? createIncoming({
              window: limits.window,
              more: (bytes) => session.send(`{"type":"more","id":${id},"bytes":${bytes}}`),
            })
          : undefined,
    }
    calls.set(id, call)
    try {
      serve(call, message)
    } catch (error) {
      finish(id)
      refuse(id, error)
    }
  }

  const refusalOf = (served: Served | undefined, { call }: CallMessage): Refusal | undefined => {
    if (served === undefined)
      return new Refusal('PATH_NOT_FOUND', `Cannot call "${call.slice(0, 80)}": the door serves no such operation`)
    if (calls.size >= limits.calls)
      return new Refusal('OVERLOADED', `Cannot take the call: ${limits.calls} of this connection are in hand; wait for answers`)
    return admit(state)
  }

  const finish = (id: number): void => {
    if (!calls.delete(id)) return
    state.calls--
    connection.over()
  }

  const serve = (call: Call, message: CallMessage): void => {
    const { id } = message
    const { served, gone, incoming } = call
    call.leave = beginCall({
      ...{ state, served, message, gone, incoming },
      header: (name) => connection.header(name),
      send: session.send,
      over: () => finish(id),
      stream: (values, { fail, done }) =>
        void sendStream(values, {
          ...{ state, gone },
          sender: {
            send: (value) => {
              const text = valueText('value', id, served.toJson(value))
              session.send(text)
              return creditFor(call, text.length)?.then(() => session.room()) ?? session.room()
            },
            end: () => {
              session.send(`{"type":"end","id":${id}}`)
              done()
            },
            fail,
          },
        }).catch(fail),
    })
  }

  const cancel = (id: number): void => {
    const call = calls.get(id)
    if (call === undefined) return
    call.incoming?.fail(new CallError('CANCELLED', 'Whoever called has gone'))
    call.resume?.()
    call.leave?.()
    call.gone.cancel('caller')
  }

  return {
    count: () => calls.size,
    has: (id) => calls.has(id),
    begin,
    value: (id, value, bytes) => {
      const call = calls.get(id)
      if (call?.incoming === undefined) return
      try {
        if (call.incoming.push(call.served.incoming(value), bytes)) return
        throw new Refusal(
          'BODY_TOO_LARGE',
          `Cannot take more values: ${limits.window} bytes wait already; send when "more" says so`,
        )
      } catch (error) {
        call.incoming.fail(error)
        // It has broken the rules: the channel is over.
        refuse(id, error)
        cancel(id)
      }
    },
    end: (id) => calls.get(id)?.incoming?.end(),
    cancel,
    endIncoming: () => {
      for (const { incoming } of calls.values()) incoming?.end()
    },
    more: (id, bytes) => {
      const call = calls.get(id)
      if (call?.credit === undefined) return
      call.credit = Math.min(call.credit + bytes, Number.MAX_SAFE_INTEGER)
      if (call.credit <= 0) return
      call.resume?.()
      call.resume = undefined
    },
    follow: (next) => void (connection = next),
    stop: () => {
      for (const id of calls.keys()) cancel(id)
    },
  }
}

/** What is said of a call that no service has heard of. */
function refusalText({ world }: SocketState, id: number, error: unknown): string {
  const correlationId = world.runtime.ids.next()
  const { failure, hidden } = failureOf(error, { correlationId })
  if (hidden) world.log.error('Cannot take a call', { correlationId, error })
  return JSON.stringify({ type: 'error', id, error: bodyOf(failure, correlationId) })
}

/** Counts what is sent of a stream; resolves when its client takes more, if it does not now. */
function creditFor(call: Call, bytes: number): Promise<void> | undefined {
  if (call.credit === undefined) return undefined
  call.credit -= bytes
  return call.credit > 0 ? undefined : new Promise((resolve) => (call.resume = resolve))
}
