/** Calls that wait for their answers, and streams for their values. */
import {
  CallError,
  DeclaredError,
  STATUSES,
  type AnyContract,
  type AnyOperation,
  type ErrorTypes,
  type Status,
} from 'dure/contract'
import { wireOf } from 'dure/contract/internal'
import type { ErrorBody, ServerMessage } from '../messages.ts'
import { createValues, type Values } from './values.ts'
import type { Platform } from './platform.ts'

export type SocketCallOptions = {
  readonly signal?: AbortSignal
  /** Milliseconds. Default: the operation's own deadline. */
  readonly timeout?: number
  /** Of a command: done once, however often it is sent. */
  readonly idempotencyKey?: string
  readonly correlationId?: string
  readonly traceparent?: string
}

type Told = Extract<ServerMessage, { type: 'answer' | 'value' | 'end' | 'error' | 'more' }>

export type Pending = {
  readonly call: (name: string, input: unknown, options?: SocketCallOptions) => Promise<unknown>
  /** @param incoming of a channel: what is sent */
  readonly stream: (
    name: string,
    input: unknown,
    options?: SocketCallOptions & { readonly again?: (last: unknown) => unknown },
    incoming?: AsyncIterable<unknown>,
  ) => AsyncIterable<unknown>
  readonly take: (message: Told, bytes: number) => void
  readonly welcome: (window: number) => void
  /** Makes again on a new session what may be made again; the rest fails. */
  readonly again: (unsent: ReadonlySet<string>) => void
  /** Calls back once no call waits for an answer. */
  readonly leave: (leave: () => void) => void
  readonly end: (why: Pick<ErrorBody, 'code' | 'message'>) => void
}

type One = {
  readonly operation: AnyOperation
  readonly place: string
  /** What was sent, for whoever has to send it again. */
  text: string
  readonly repeatable: boolean
  readonly settle: (value: unknown) => void
  readonly fail: (error: Error) => void
  readonly values?: Values | undefined
  readonly again?: ((last: unknown) => unknown) | undefined
  last?: unknown
  /** Of a channel: goes on with sending. */
  readonly more?: ((bytes: number) => void) | undefined
}

/** Bytes of a stream that come before its reader has taken some. */
const WINDOW = 64 * 1024
const LEAVE_AFTER = 3_000

export function createPending(
  { name: service, operations }: AnyContract,
  { send, after }: { readonly send: (text: string) => void; readonly after: Platform['after'] },
): Pending {
  const all = new Map<number, One>()
  let next = 1
  let window = WINDOW
  let over: CallError | undefined
  let leaving: (() => void) | undefined
  let cancelLeave = (): void => {}

  /** @returns its id, unless it has failed at once */
  const begin = (
    name: string,
    input: unknown,
    options: SocketCallOptions,
    how: Pick<One, 'settle' | 'fail' | 'values' | 'again' | 'more'>,
  ): number => {
    const id = next++
    const operation = (operations as Readonly<Record<string, AnyOperation>>)[name]!
    const place = `${service}.${name}`
    const { signal, timeout = operation.deadline } = options
    const stop = (error: CallError): void => {
      if (!all.has(id)) return
      send(`{"type":"cancel","id":${id}}`)
      fail(error)
    }
    const cancel = after(timeout, () =>
      stop(new CallError('DEADLINE_EXCEEDED', `Call to ${place} had no answer within ${timeout} ms`)),
    )
    const aborted = (): void => stop(new CallError('CANCELLED', `Call to ${place} was cancelled`))
    const done = (): void => {
      cancel()
      signal?.removeEventListener('abort', aborted)
      all.delete(id)
      if (leaving !== undefined && !isAnyAnswered()) leaving()
    }
    const fail = (error: Error): void => {
      done()
      how.fail(error)
    }
    const repeatable = operation.kind !== 'channel' && (operation.idempotent || options.idempotencyKey !== undefined)
    const one: One = {
      ...{ ...how, operation, place, repeatable, fail },
      text: '',
      settle: (value) => {
        done()
        how.settle(value)
      },
    }
    all.set(id, one)
    if (over !== undefined) fail(over)
    else if (signal?.aborted) fail(new CallError('CANCELLED', `Call to ${place} was cancelled`))
    else {
      one.text = callText(id, one, input, options)
      send(one.text)
      signal?.addEventListener('abort', aborted, { once: true })
    }
    return id
  }
  const isAnyAnswered = (): boolean => [...all.values()].some(({ values }) => values === undefined)

  return {
    call: (name, input, options = {}) => new Promise((settle, fail) => begin(name, input, options, { settle, fail })),
    stream: (name, input, options = {}, incoming) => {
      const sender = incoming && createSender(send, window)
      const values = createValues({
        open: () => {
          const id = begin(name, input, options, {
            ...{ values, again: options.again, settle: values.end, fail: values.fail },
            ...(sender && { more: sender.more }),
          })
          if (sender !== undefined) {
            const { incoming: schema } = (operations as Readonly<Record<string, AnyOperation>>)[name]!
            void sender.run(id, incoming!, wireOf(schema, 'input').toJson).catch((error: Error) => {
              send(`{"type":"cancel","id":${id}}`)
              all.get(id)?.fail(error)
            })
          }
          return id
        },
        more: (id, bytes) => all.has(id) && send(`{"type":"more","id":${id},"bytes":${bytes}}`),
        cancel: (id) => {
          if (all.has(id)) send(`{"type":"cancel","id":${id}}`)
          all.get(id)?.settle(undefined)
          sender?.stop()
        },
        window: WINDOW,
      })
      return values
    },
    take: (message, bytes) => {
      const one = all.get(message.id)
      // A door that is leaving ends its streams; they go on at the next one.
      const goesOn =
        leaving !== undefined && one?.again !== undefined && message.type === 'error' && message.error.code === 'UNAVAILABLE'
      if (one !== undefined && !goesOn) takeFor(one, message, bytes)
    },
    welcome: (bytes) => void (window = bytes),
    again: (unsent) => {
      leaving = undefined
      for (const one of [...all.values()]) {
        if (one.again !== undefined) {
          one.text = textOfAgain(one, one.again)
        } else if (one.values !== undefined || !(one.repeatable || unsent.has(one.text))) {
          one.fail(lost(one))
          continue
        }
        send(one.text)
      }
    },
    leave: (leave) => {
      leaving = leave
      if (!isAnyAnswered()) return leave()
      cancelLeave = after(LEAVE_AFTER, leave)
    },
    end: ({ code, message }) => {
      cancelLeave()
      over = new CallError(Object.hasOwn(STATUSES, code) ? (code as Status) : 'UNAVAILABLE', message)
      for (const one of [...all.values()]) one.fail(over)
    },
  }
}

function callText(id: number, one: Pick<One, 'operation' | 'place'>, input: unknown, options: SocketCallOptions): string {
  const headers = {
    ...(options.timeout === undefined ? {} : { 'request-timeout': String(options.timeout / 1000) }),
    ...(options.idempotencyKey === undefined ? {} : { 'idempotency-key': options.idempotencyKey }),
    ...(options.correlationId === undefined ? {} : { 'x-correlation-id': options.correlationId }),
    ...(options.traceparent === undefined ? {} : { traceparent: options.traceparent }),
  }
  const many = one.operation.kind === 'stream' || one.operation.kind === 'channel'
  return JSON.stringify({
    ...{ type: 'call', id, call: one.place, input: wireOf(one.operation.input, 'input').toJson(input) },
    ...(Object.keys(headers).length > 0 ? { headers } : {}),
    ...(many ? { window: WINDOW } : {}),
  })
}

/** Of a stream that goes on after the last value it has had. */
function textOfAgain({ text, operation, last, values }: One, again: NonNullable<One['again']>): string {
  const input = wireOf(operation.input, 'input').toJson(again(last))
  return JSON.stringify({ ...(JSON.parse(text) as object), input, window: values!.room() })
}

function takeFor(one: One, message: Told, bytes: number): void {
  const { fromJson } = wireOf(one.operation.output, 'output')
  if (message.type === 'answer') one.settle(fromJson(message.value))
  else if (message.type === 'end') one.settle(undefined)
  else if (message.type === 'more') one.more?.(message.bytes)
  else if (message.type === 'error') one.fail(errorOf(one, message.error))
  else {
    one.last = fromJson(message.value)
    one.values?.push(one.last, bytes)
  }
}

const lost = ({ place }: One): CallError =>
  new CallError('UNAVAILABLE', `The connection was lost while ${place} was under way, and its session is not there any more`)

/** An error as the contract has it; what it does not declare is of the canonical statuses. */
function errorOf({ operation, place }: One, { code, status, message, data, issues, declared }: ErrorBody): Error {
  const type = declared === true ? Object.values(operation.errors as ErrorTypes).find((one) => one.code === code) : undefined
  if (type !== undefined)
    return new DeclaredError({ code, status: type.status, message, data: wireOf(type.data, 'output').fromJson(data) })
  const known = Object.hasOwn(STATUSES, status) ? (status as Status) : 'UNKNOWN'
  return new CallError(
    known,
    message === '' ? `Call to ${place} failed` : message,
    issues === undefined ? {} : { details: { issues } },
  )
}

/** Sends what a channel's caller has, no more than there is room for. */
function createSender(send: (text: string) => void, window: number) {
  let room = window
  let stopped = false
  let wake = (): void => {}
  return {
    more: (bytes: number): void => {
      room += bytes
      wake()
    },
    stop: (): void => {
      stopped = true
      wake()
    },
    run: async (id: number, values: AsyncIterable<unknown>, toJson: (value: unknown) => unknown): Promise<void> => {
      for await (const value of values) {
        const text = JSON.stringify({ type: 'value', id, value: toJson(value) })
        // A value that is larger than all room there ever is would wait for ever: the door says so.
        while (!stopped && room < text.length && room < window) await new Promise<void>((resolve) => (wake = resolve))
        if (stopped) return
        room -= text.length
        send(text)
      }
      if (!stopped) send(`{"type":"end","id":${id}}`)
    },
  }
}
