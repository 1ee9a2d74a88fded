/** Keeps this process alive, which the runtime's timers do not, until stopped: for whoever only waits for others. */
export function keepAlive(): { readonly stop: () => void } {
  const handle = setInterval(() => {}, 2 ** 30)
  return { stop: () => clearInterval(handle) }
}
