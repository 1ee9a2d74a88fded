import type { CallContext, Transport } from 'dure/call'
import { Cancellation, DEFAULT_WINDOW, clone, Receiver, Sender, type CancelReason, type Target } from 'dure/call/internal'
import { CallError } from 'dure/contract'
import { carriedFailure } from './failure.ts'
import type { Process } from '../kernel/kernel.ts'
import { bytesOf, type NetworkWorld } from './wire.ts'

export type CallKind = 'call' | 'stream' | 'channel'

/** Whoever waits for the answers to one call, stream or channel. */
export type Asker = {
  readonly place: string
  readonly value: (value: unknown, bytes: number) => void
  readonly end: () => void
  readonly fail: (error: Error) => void
  /** Sends the values of a channel's caller. */
  readonly sender?: Sender
}

/** The callee's end of a connection. */
export type Serving = {
  readonly serve: (call: {
    readonly kind: CallKind
    readonly id: number
    readonly target: Target
    readonly input: unknown
    readonly context: CallContext
    /** Milliseconds to its deadline when it was sent, and when that was. */
    readonly left: number
    readonly sent: number
  }) => void
  /** More of a stream may come. */
  readonly credit: (id: number, values: number, bytes: number) => void
  /** A value of a channel's caller, and that there are no more. */
  readonly item: (id: number, value: unknown, bytes: number) => void
  readonly end: (id: number, error: Error | undefined) => void
  readonly cancel: (id: number, reason: CancelReason | 'done') => void
  /** Nobody hears of what is under way any more. */
  readonly close: () => void
  readonly size: () => number
}

type Served = {
  readonly cancellation: Cancellation
  readonly sender: Sender | undefined
  readonly receiver: Receiver | undefined
}

/** The call was read after nobody could be waiting for its answer any more. */
const TOO_LATE = { details: { begun: false } }

export function createServing(options: {
  readonly world: NetworkWorld
  /** Where it is served, and who is told when a call has ended. */
  readonly host: { readonly process: Process; readonly transport: Transport; readonly idle: ReadonlySet<() => void> }
  readonly open: () => boolean
  /** Sends to the caller, with what may befall it on the way. */
  readonly send: (what: string, detail: string, deliver: () => void) => void
  /** Who waits at the caller's end. */
  readonly asked: Map<number, Asker>
}): Serving {
  const { world, host, open, send, asked } = options
  const served = new Map<number, Served>()
  const takeAsker = (id: number): Asker | undefined => {
    const asker = asked.get(id)
    asked.delete(id)
    return asker
  }

  const finish = (id: number): void => {
    const call = served.get(id)
    served.delete(id)
    void call?.receiver?.return()
    for (const told of host.idle) told()
  }

  const answer = (id: number, place: string, value: unknown): void => {
    if (!open()) return finish(id)
    const copy = clone(value)
    finish(id)
    send('answer', place, () => takeAsker(id)?.value(copy, 0))
  }

  const fail = (id: number, place: string, error: unknown): void => {
    if (!open()) return finish(id)
    const copy = carriedFailure(error)
    if ((copy as { code?: unknown }).code === 'SESSION_OVER') world.sometimes('a session with the broker was over')
    finish(id)
    send('failure', `${place} ${(copy as CallError).code}`, () => takeAsker(id)?.fail(copy))
  }

  const senderOf = (id: number, place: string, values: AsyncIterable<unknown>): Sender =>
    new Sender({
      values,
      soon: host.process.runtime.timers.soon,
      sink: {
        value: (value) => {
          const [copy, bytes] = [clone(value), bytesOf(value)]
          if (open()) send('item', place, () => asked.get(id)?.value(copy, bytes))
          return bytes
        },
        end: () => {
          finish(id)
          if (open()) send('end', place, () => takeAsker(id)?.end())
        },
        fail: (error) => fail(id, place, error),
      },
    })

  const serve: Serving['serve'] = ({ kind, id, target, input, context, left, sent }) => {
    const place = `${target.service}.${target.operation}`
    const now = host.process.runtime.clock.monotonic()
    const age = world.now() - sent
    if (age > 500 && age >= left) {
      world.sometimes('a call that had waited too long was not begun')
      return fail(id, place, new CallError('UNAVAILABLE', `Call to ${place} was refused: its process stood still`, TOO_LATE))
    }
    if (target.service !== '' && host.transport.has?.(target) === false) {
      const why = `Call to ${place} failed: no service "${target.service}" runs here`
      return fail(id, place, new CallError('UNAVAILABLE', why, TOO_LATE))
    }
    const cancellation = new Cancellation()
    const { correlationId, causationId, traceparent, tracestate, caller, idempotencyKey, principal, metadata } = context
    const own = {
      sentAt: now,
      deadline: now + left,
      cancellation,
      correlationId,
      causationId,
      traceparent,
      tracestate,
      caller,
      idempotencyKey,
      principal,
      metadata,
    }
    const route = host.transport.route(target)
    if (kind === 'call') {
      served.set(id, { cancellation, sender: undefined, receiver: undefined })
      route.call(input, own).then(
        (value) => answer(id, place, value),
        (error: unknown) => fail(id, place, error),
      )
      return
    }
    const tell = (what: string, act: (sender: Sender) => void): void => {
      if (!open() || !served.has(id)) return
      send(what, place, () => {
        const sender = asked.get(id)?.sender
        if (sender !== undefined) act(sender)
      })
    }
    const receiver = kind === 'channel' ? receiverOf(tell) : undefined
    const sender = senderOf(id, place, route.stream(input, own, receiver))
    served.set(id, { cancellation, sender, receiver })
    sender.grant(DEFAULT_WINDOW.values, DEFAULT_WINDOW.bytes)
  }

  return {
    serve,
    credit: (id, values, bytes) => served.get(id)?.sender?.grant(values, bytes),
    item: (id, value, bytes) => void served.get(id)?.receiver?.push(value, bytes),
    end: (id, error) => served.get(id)?.receiver?.end(error),
    cancel: (id, reason) => {
      const call = served.get(id)
      if (call === undefined) return
      if (call.sender !== undefined) finish(id)
      if (reason !== 'done') call.cancellation.cancel(reason)
      call.sender?.stop()
    },
    close: () => {
      for (const { cancellation, sender } of served.values()) {
        cancellation.cancel('caller')
        sender?.stop()
      }
      served.clear()
    },
    size: () => served.size,
  }
}

/** What the caller of a channel sends, as its callee takes it; `tell` reaches whoever sends it. */
function receiverOf(tell: (what: string, act: (sender: Sender) => void) => void): Receiver {
  return new Receiver({
    window: DEFAULT_WINDOW,
    grant: (values, bytes) => tell('credit', (sender) => sender.grant(values, bytes)),
    onOver: (byConsumer) => void (byConsumer && tell('stop', (sender) => sender.stop())),
  })
}
