import type { DeadlineEntry, Timers } from '../../runtime/runtime.ts'
import { CallError } from '../../contract/contract.ts'
import type { CancelListener } from '../cancellation.ts'
import type { CallContext } from '../context.ts'
import { Receiver, Sender, type Window } from '../credit.ts'
import { cancelledError } from '../failure.ts'
import { reasonCode, type Destination, type ClientConnection, type Waiting } from './client-connection.ts'
import * as wire from './protocol.ts'

/** The caller's end of a stream or a channel: opened when the first value is asked for. */
export function sentStream(options: {
  readonly to: Destination
  readonly call: CallContext
  readonly input: unknown
  /** What the caller of a channel sends. */
  readonly incoming: AsyncIterable<unknown> | undefined
  readonly window: Window
  readonly connect: () => ClientConnection | CallError
  readonly soon: Timers['soon']
}): AsyncIterator<unknown> {
  const { to, call, input, incoming, window, connect, soon } = options
  const { place } = to
  let on: ClientConnection | undefined
  let id = 0
  let opened = false
  let over = false

  const open = (credit: Window): void => {
    opened = true
    call.cancellation?.add(own)
    if (over) return
    const reached = connect()
    if (reached instanceof CallError) return own.fail(reached)
    const sent = reached.send(sender === undefined ? wire.STREAM : wire.CHANNEL, to, input, call, own, credit)
    if (sent instanceof CallError) return own.fail(sent)
    on = reached
    id = sent
    on.deadlines.add(own, call.deadline)
  }

  const receiver: Receiver = new Receiver({
    window,
    grant: (values, bytes) => (opened ? on?.credit(id, values, bytes) : open({ values, bytes })),
    onOver: (byConsumer) => {
      over = true
      sender?.stop()
      on?.deadlines.remove(own)
      call.cancellation?.remove(own)
      if (byConsumer) on?.cancel(id, wire.DONE)
    },
  })

  const value = (given: unknown): number => {
    const written = on!.item(id, place, given)
    if (typeof written === 'number') return written
    // The callee comes to it after the values before.
    on!.end(id, written)
    sender!.stop()
    return 0
  }
  const sink = { value, end: () => on?.end(id), fail: (error: unknown) => on?.end(id, error as Error) }
  const sender = incoming && new Sender({ values: incoming, soon, sink })

  const own: DeadlineEntry & CancelListener & Waiting = {
    at: 0,
    previous: undefined,
    following: undefined,
    place,
    kind: wire.ITEM,
    sender,
    value: (given, bytes) => receiver.push(given, bytes),
    end: () => {
      sender?.stop()
      receiver.end()
    },
    fail: (error) => {
      sender?.stop()
      receiver.end(error)
    },
    expire: () => own.onCancel('deadline'),
    onCancel: (reason) => {
      if (over) return
      receiver.fail(cancelledError(place, reason))
      on?.cancel(id, reasonCode(reason))
    },
  }
  return receiver
}
