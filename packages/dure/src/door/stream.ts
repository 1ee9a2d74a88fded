import type { Cancellation, CancelListener } from '../call/internal.ts'
import { CallError } from '../contract/contract.ts'
import type { OpenState } from './open-door.ts'

const QUIET = Symbol('quiet')
const GONE = Symbol('gone')
const CLOSING = Symbol('closing')

/** How a protocol sends a stream. */
export type StreamSender = {
  /** Sends a value; resolves when there is room for more. */
  readonly send: (value: unknown) => Promise<void> | void
  /** It has been silent for `heartbeat`: says that it is there, in a protocol that does not by itself. */
  readonly quiet?: () => Promise<void> | void
  readonly end: () => void
  /** Ends it with what it failed with. */
  readonly fail: (error: unknown) => Promise<void> | void
}

/**
 * Sends a stream to its end, no faster than the client reads; one that fails, or that the closing door ends, ends with the reason.
 * @param gone ended when the client goes away; ended here at the end, which ends the callee
 */
export async function sendStream(
  values: AsyncIterable<unknown>,
  options: { readonly state: OpenState; readonly gone: Cancellation; readonly sender: StreamSender },
): Promise<void> {
  const { gone, sender } = options
  const iterator = values[Symbol.asyncIterator]()
  const events = outside(options)
  let pending: Promise<IteratorResult<unknown>> | undefined
  try {
    for (;;) {
      pending ??= iterator.next()
      const next = await events.race(pending)
      if (next === GONE) return
      if (next === CLOSING) return await sender.fail(new CallError('UNAVAILABLE', STOPPING))
      if (next === QUIET) {
        await sender.quiet?.()
        continue
      }
      pending = undefined
      if (next.done) break
      const room = sender.send(next.value)
      if (room !== undefined) await room
    }
    sender.end()
  } catch (error) {
    await sender.fail(error)
  } finally {
    events.stop()
    gone.cancel('caller')
    pending?.catch(() => {})
    // Not awaited: a callee that never looks at its signal must not hold the connection.
    void Promise.resolve(iterator.return?.()).catch(() => {})
  }
}

const STOPPING = 'The stream ended because the server is stopping; open it again'

type Outside = {
  readonly race: <T>(value: Promise<T>) => Promise<T | typeof QUIET | typeof GONE | typeof CLOSING>
  readonly stop: () => void
}

/** What may happen to a stream from outside while it waits for its next value. */
function outside({ state, gone }: { readonly state: OpenState; readonly gone: Cancellation }): Outside {
  const timers = state.world.runtime.timers
  let wake: ((what: typeof QUIET | typeof GONE | typeof CLOSING) => void) | undefined
  let came: typeof GONE | typeof CLOSING | undefined
  let written = false
  const happen = (what: typeof GONE | typeof CLOSING) => (): void => {
    came ??= what
    wake?.(what)
  }
  const onGone: CancelListener = { onCancel: happen(GONE) }
  const onClosing = happen(CLOSING)
  gone.add(onGone)
  state.streams.add(onClosing)
  if (state.closing) onClosing()

  // One timer for the whole stream rather than one a value.
  const beat = (): void => {
    if (!written) wake?.(QUIET)
    written = false
    timer = timers.after(state.limits.heartbeat, beat)
  }
  let timer = timers.after(state.limits.heartbeat, beat)

  return {
    race: (value) => {
      if (came !== undefined) return Promise.resolve(came)
      return new Promise((resolve, reject) => {
        wake = resolve
        value.then((item) => {
          written = true
          resolve(item)
        }, reject)
      })
    },
    stop: () => {
      timer.cancel()
      state.streams.delete(onClosing)
      gone.remove(onGone)
    },
  }
}
