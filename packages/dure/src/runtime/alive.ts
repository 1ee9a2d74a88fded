/**
 * Keeps this process alive, which the runtime's timers do not, until stopped: for whoever only waits for others.
 *
 * @example
 * ```ts
 * import { keepAlive } from 'dure/runtime'
 *
 * const alive = keepAlive()
 * // … wait for what others do
 * alive.stop()
 * ```
 */
export function keepAlive(): { readonly stop: () => void } {
  const handle = setInterval(() => {}, 2 ** 30)
  return { stop: () => clearInterval(handle) }
}
