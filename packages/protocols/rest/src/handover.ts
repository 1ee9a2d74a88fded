import type { Server } from 'node:http'
import { Server as Listener } from 'node:net'
import type { DoorState } from './reply.ts'

/**
 * Takes no more connections, and leaves those there are to their clients: each ends with its next answer. An idle one that
 * was closed at once might cross with a request on its way, which would fail. Resolves when none is left, or after a while.
 */
export function letGo(server: Server, state: DoorState, timeout: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = state.world.runtime.timers.after(Math.min(state.limits.handover, timeout), resolve, 'waited')
    // An HTTP server's own `close` also ends what is idle; this is the half of it that only stops listening.
    Listener.prototype.close.call(server, () => {
      timer.cancel()
      resolve()
    })
  })
}
