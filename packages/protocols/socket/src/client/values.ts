/** The values of a stream between the connection that brings them and the loop that takes them. */
export type Values = AsyncIterable<unknown> & {
  readonly push: (value: unknown, bytes: number) => void
  readonly end: () => void
  readonly fail: (error: Error) => void
  /** Bytes that it takes now. */
  readonly room: () => number
}

export function createValues(options: {
  readonly open: () => number
  readonly more: (id: number, bytes: number) => void
  readonly cancel: (id: number) => void
  readonly window: number
}): Values {
  const values: { readonly value: unknown; readonly bytes: number }[] = []
  let id: number | undefined
  let waiting = 0
  let taken = 0
  let ended: { readonly error?: Error } | undefined
  let asker: PromiseWithResolvers<IteratorResult<unknown>> | undefined

  const take = (bytes: number): void => {
    waiting -= bytes
    taken += bytes
    if (taken < options.window / 2 || ended !== undefined) return
    options.more(id!, taken)
    taken = 0
  }
  const close = (how: { readonly error?: Error }): void => {
    if (ended !== undefined) return
    ended = how
    if (how.error === undefined) asker?.resolve(DONE)
    else asker?.reject(how.error)
    if (asker !== undefined) ended = {}
    asker = undefined
  }
  const next = (): Promise<IteratorResult<unknown>> => {
    id ??= options.open()
    const one = values.shift()
    if (one !== undefined) {
      take(one.bytes)
      return Promise.resolve({ done: false, value: one.value })
    }
    if (ended === undefined) return (asker ??= Promise.withResolvers()).promise
    const { error } = ended
    ended = {}
    return error === undefined ? Promise.resolve(DONE) : Promise.reject(error)
  }
  return {
    push: (value, bytes) => {
      if (ended !== undefined) return
      waiting += bytes
      if (asker === undefined) return void values.push({ value, bytes })
      const { resolve } = asker
      asker = undefined
      take(bytes)
      resolve({ done: false, value })
    },
    end: () => close({}),
    fail: (error) => close({ error }),
    room: () => {
      taken = 0
      return Math.max(1, options.window - waiting)
    },
    [Symbol.asyncIterator]: () => ({
      next,
      return: () => {
        values.length = 0
        if (id !== undefined && ended === undefined) options.cancel(id)
        close({})
        return Promise.resolve(DONE)
      },
    }),
  }
}

const DONE: IteratorResult<unknown> = Object.freeze({ done: true, value: undefined })
