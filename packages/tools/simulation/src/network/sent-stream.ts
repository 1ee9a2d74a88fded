import { type CallContext } from 'dure/call'
import { kept, type CancelListener } from 'dure/call/internal'
import { CallError } from 'dure/contract'
import type { DeadlineEntry } from 'dure/runtime'
import type { Link } from './link.ts'
import type { Waiting, Way } from './way.ts'
import { cancelledBy } from './sent-call.ts'

type Asked = { readonly resolve: (result: IteratorResult<unknown>) => void; readonly reject: (error: Error) => void }

/** The caller's end of a stream: every `next` asks the callee for one more value, and nothing is asked for in advance. */
export function sentStream(way: Way, input: unknown, context: CallContext): AsyncIterator<unknown> {
  const { place } = way
  const asked: Asked[] = []
  let on: Link | undefined
  let id = 0
  let opened = false
  let over = false
  let sent = input
  /** Ended while nobody asked: told to whoever asks next, once. */
  let ended: Error | undefined

  /** Whoever waited first hears of the failure; others, and all of them at a good end, that there is no more. */
  const finish = (error: Error | undefined): void => {
    if (over) return
    over = true
    way.deadlines.remove(own)
    way.unwait(own)
    context.cancellation?.remove(own)
    const all = asked.splice(0)
    if (error !== undefined) {
      const first = all.shift()
      if (first === undefined) ended = error
      else first.reject(error)
    }
    for (const { resolve } of all) resolve({ done: true, value: undefined })
  }

  const own: DeadlineEntry & CancelListener & Waiting = {
    at: 0,
    previous: undefined,
    following: undefined,
    place,
    expire: () => own.onCancel('deadline'),
    onCancel: (reason) => {
      if (over) return
      finish(cancelledBy(place, reason))
      on?.cancel(id, reason)
    },
    start: (link) => {
      on = link
      id = link.ask('stream', way.target, sent, context, {
        place,
        value: (value) => asked.shift()?.resolve({ done: false, value }),
        end: () => finish(undefined),
        fail: finish,
      })
      for (let more = 1; more < asked.length; more++) link.more(id)
    },
    fail: finish,
  }

  const open = (): void => {
    opened = true
    context.cancellation?.add(own)
    if (over) return
    const reached = way.reach(place)
    if (reached instanceof CallError) return finish(reached)
    way.deadlines.add(own, context.deadline)
    if (reached !== 'connecting') return own.start(reached)
    sent = kept(input)
    way.wait(own)
  }

  return {
    next: () => {
      if (ended !== undefined) {
        const error = ended
        ended = undefined
        return Promise.reject(error)
      }
      if (over) return Promise.resolve({ done: true, value: undefined })
      return new Promise((resolve, reject) => {
        asked.push({ resolve, reject })
        if (!opened) open()
        else on?.more(id)
      })
    },
    return: () => {
      if (!over) {
        finish(undefined)
        on?.cancel(id, 'done')
      }
      return Promise.resolve({ done: true, value: undefined })
    },
  }
}
