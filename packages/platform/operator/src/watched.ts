import type { Runtime } from 'dure/runtime'

/** What is read again and again, for streams: the first value at once, and later ones when they differ from the one before. */
export async function* watched<T>(
  read: () => Promise<T>,
  options: { readonly runtime: Pick<Runtime, 'timers'>; readonly every: number; readonly signal: AbortSignal },
): AsyncGenerator<T> {
  const { runtime, every, signal } = options
  let before: string | undefined
  while (!signal.aborted) {
    const value = await read()
    const text = JSON.stringify(value)
    if (text !== before) yield value
    before = text
    await runtime.timers.sleep(every, signal)
  }
}
