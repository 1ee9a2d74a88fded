/** What the caller of a channel sends, until its service takes it. */
export type Incoming = AsyncIterable<unknown> & {
  /** False when it has sent more than it was given room for. */
  readonly push: (value: unknown, bytes: number) => boolean
  readonly end: () => void
  /** It will not come to its end. */
  readonly fail: (error: unknown) => void
}

/**
 * @param options.window bytes that wait at most
 * @param options.more tells the caller that it may send so many bytes more
 */
export function createIncoming({ window, more }: { readonly window: number; readonly more: (bytes: number) => void }): Incoming {
  const values: { readonly value: unknown; readonly bytes: number }[] = []
  let room = window
  let taken = 0
  let ended: { readonly error?: unknown } | undefined
  let asker: PromiseWithResolvers<IteratorResult<unknown>> | undefined

  const take = (bytes: number): void => {
    taken += bytes
    if (taken < window / 2 || ended !== undefined) return
    room += taken
    more(taken)
    taken = 0
  }
  const close = (how: { readonly error?: unknown }): void => {
    if (ended !== undefined) return
    ended = how
    if (asker === undefined) return
    if ('error' in how) asker.reject(how.error)
    else asker.resolve({ done: true, value: undefined })
    asker = undefined
  }
  const next = (): Promise<IteratorResult<unknown>> => {
    const one = values.shift()
    if (one !== undefined) {
      take(one.bytes)
      return Promise.resolve({ done: false, value: one.value })
    }
    if (ended === undefined) return (asker ??= Promise.withResolvers()).promise
    if (!('error' in ended)) return Promise.resolve({ done: true, value: undefined })
    const { error } = ended
    ended = {}
    return Promise.reject(error as Error)
  }
  return {
    push: (value, bytes) => {
      if (ended !== undefined) return true
      if (bytes > room) return false
      room -= bytes
      if (asker === undefined) values.push({ value, bytes })
      else {
        asker.resolve({ done: false, value })
        asker = undefined
        take(bytes)
      }
      return true
    },
    end: () => close({}),
    fail: (error) => close({ error }),
    [Symbol.asyncIterator]: () => ({
      next,
      return: () => {
        values.length = 0
        close({})
        return Promise.resolve({ done: true as const, value: undefined })
      },
    }),
  }
}
