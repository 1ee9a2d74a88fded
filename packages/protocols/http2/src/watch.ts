import { CANCEL, ENHANCE_YOUR_CALM, PING } from './codes.ts'
import { fail, leave, leaveNow, THERE, type Connection } from './connection.ts'
import type { ServerStream } from './stream.ts'

/** Looks after clients that do not go on, with one coarse timer a connection. */
export function watch(c: Connection): { readonly heard: () => void; readonly drained: () => void } {
  const { clock, timers } = c.options.runtime
  const { headTimeout, stallTimeout, idleTimeout, silence } = c.limits
  const period = Math.max(1, Math.min(headTimeout, stallTimeout, idleTimeout, silence) / 2)
  let heard = c.now
  let isAsked = false
  const began = c.now
  /** Since when it is so; undefined: it is not. */
  let [full, left]: (number | undefined)[] = []

  const over = (since: number | undefined, timeout: number): boolean => since !== undefined && c.now - since > timeout
  const since = (before: number | undefined, isSo: boolean): number | undefined => (isSo ? (before ?? c.now) : undefined)

  const look = (): void => {
    c.now = clock.monotonic()
    full = since(full, c.socket.writableNeedDrain)
    left = since(left, c.leaving === 'announced')
    if (over(c.block?.begun, headTimeout) || (!c.isSettled && over(began, headTimeout)))
      return fail(c, ENHANCE_YOUR_CALM, 'The client has begun, and not gone on')
    if (over(full, stallTimeout)) return void c.socket.destroy()
    if (over(left, headTimeout)) leaveNow(c)
    if (c.streams.size === 0 && over(c.idleSince, idleTimeout)) leave(c)
    for (const stream of [...c.sender.waiting])
      if (over(stream.moved, stallTimeout)) (stream as ServerStream).abort(CANCEL, 'tell')
    if (over(heard, silence * (isAsked ? 2 : 1))) {
      if (isAsked) return void c.socket.destroy()
      isAsked = true
      c.output.frame(PING, 0, 0, THERE)
    }
    if (c.end === undefined) c.timer = timers.after(period, look)
  }
  c.timer = timers.after(period, look)
  return {
    heard: () => {
      c.now = heard = clock.monotonic()
      isAsked = false
    },
    drained: () => (full = undefined),
  }
}
