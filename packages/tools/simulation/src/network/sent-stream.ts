import { type CallContext } from 'dure/call'
import { DEFAULT_WINDOW, clone, Receiver, Sender, type CancelListener } from 'dure/call/internal'
import { CallError } from 'dure/contract'
import type { DeadlineEntry } from 'dure/runtime'
import { carriedFailure } from './failure.ts'
import type { Link } from './link.ts'
import type { Waiting, Way } from './way.ts'
import { cancelledBy } from './sent-call.ts'

/** The caller's end of a stream or a channel: opened when the first value is asked for. */
export function sentStream(
  way: Way,
  input: unknown,
  context: CallContext,
  incoming: AsyncIterable<unknown> | undefined,
): AsyncIterator<unknown> {
  const { place } = way
  let on: Link | undefined
  let id = 0
  let opened = false
  let over = false
  let sent = input

  const receiver: Receiver = new Receiver({
    window: DEFAULT_WINDOW,
    grant: (values, bytes) => {
      if (opened) on?.credit(id, values, bytes)
      else open()
    },
    onOver: (byConsumer) => {
      over = true
      sender?.stop()
      way.deadlines.remove(own)
      way.unwait(own)
      context.cancellation?.remove(own)
      if (byConsumer) on?.cancel(id, 'done')
    },
  })

  const sender =
    incoming &&
    new Sender({
      values: incoming,
      soon: way.soon,
      sink: {
        value: (value) => on!.item(id, value),
        end: () => on?.end(id),
        fail: (error) => on?.end(id, carriedFailure(error)),
      },
    })

  const own: DeadlineEntry & CancelListener & Waiting & { readonly end: () => void } = {
    at: 0,
    previous: undefined,
    following: undefined,
    place,
    expire: () => own.onCancel('deadline'),
    onCancel: (reason) => {
      if (over) return
      receiver.fail(cancelledBy(place, reason))
      on?.cancel(id, reason)
    },
    start: (link) => {
      on = link
      id = link.ask(sender === undefined ? 'stream' : 'channel', way.target, sent, context, {
        place,
        ...(sender && { sender }),
        value: (value, bytes) => void receiver.push(value, bytes),
        end: () => own.end(),
        fail: (error) => own.fail(error),
      })
    },
    end: () => {
      sender?.stop()
      receiver.end()
    },
    fail: (error) => {
      sender?.stop()
      receiver.end(error)
    },
  }

  const open = (): void => {
    opened = true
    context.cancellation?.add(own)
    if (over) return
    const reached = way.reach(place)
    if (reached instanceof CallError) return receiver.end(reached)
    way.deadlines.add(own, context.deadline)
    if (reached !== 'connecting') return own.start(reached)
    sent = clone(input)
    way.wait(own)
  }

  return receiver
}
