import { type CallContext } from 'dure/call'
import { clone, type CancelListener, type CancelReason } from 'dure/call/internal'
import { CallError } from 'dure/contract'
import type { DeadlineEntry } from 'dure/runtime'
import type { Link } from './link.ts'
import type { Waiting, Way } from './way.ts'

export function cancelledBy(place: string, reason: CancelReason): CallError {
  if (reason === 'deadline') return new CallError('DEADLINE_EXCEEDED', `Call to ${place} was not answered before its deadline`)
  if (reason === 'caller') return new CallError('CANCELLED', `Call to ${place} was cancelled by its caller`)
  return new CallError('UNAVAILABLE', `Call to ${place} was ended: the service is stopping`)
}

/** One call sent and not answered; it ends by its own clock, whatever the other side does. */
export function sentCall(way: Way, input: unknown, context: CallContext): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const { place } = way
    let over = false
    let sent = input
    let on: Link | undefined
    let id = 0
    const release = (): boolean => {
      if (over) return false
      over = true
      way.deadlines.remove(call)
      way.unwait(call)
      context.cancellation?.remove(call)
      return true
    }
    const call: DeadlineEntry & CancelListener & Waiting = {
      at: 0,
      previous: undefined,
      following: undefined,
      place,
      expire: () => call.onCancel('deadline'),
      onCancel: (reason) => {
        if (!release()) return
        reject(cancelledBy(place, reason))
        on?.cancel(id, reason)
      },
      start: (link) => {
        on = link
        id = link.ask('call', way.target, sent, context, {
          place,
          value: (value) => void (release() && resolve(value)),
          end: () => call.fail(new CallError('INTERNAL', `Call to ${place} failed: the answer was that of a stream`)),
          fail: (error) => call.fail(error),
        })
      },
      fail: (error) => void (release() && reject(error)),
    }
    context.cancellation?.add(call)
    if (over) return
    const reached = way.reach(place)
    if (reached instanceof CallError) return call.fail(reached)
    way.deadlines.add(call, context.deadline)
    if (reached !== 'connecting') return call.start(reached)
    // The object is the caller's again until there is a connection.
    sent = clone(input)
    way.wait(call)
  })
}
