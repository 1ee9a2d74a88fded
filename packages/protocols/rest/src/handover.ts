import type { Server } from 'node:http'
import { Server as Listener } from 'node:net'

/**
 * Takes no more connections, and leaves those there are to their clients: each ends with its next answer. An idle one that
 * was closed at once might cross with a request on its way, which would fail. Resolves when none is left.
 */
export function letGo(server: Server): Promise<void> {
  // An HTTP server's own `close` also ends what is idle; this is the half of it that only stops listening.
  return new Promise((resolve) => void Listener.prototype.close.call(server, () => resolve()))
}
