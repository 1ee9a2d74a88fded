/** What a client streams, as a channel's handler reads it: held back when it comes faster than it is read. */
import type { Http2Stream } from '@dure/http2'

export type Incoming = {
  readonly values: AsyncIterable<unknown>
  readonly push: (value: unknown) => void
  readonly end: () => void
  readonly fail: (error: unknown) => void
}

/** Messages that wait to be read; with more, nothing more is taken of the stream. */
const MOST = 16

export function incomingOf(stream: Pick<Http2Stream, 'pause' | 'resume'>): Incoming {
  const waiting: unknown[] = []
  let wake: (() => void) | undefined
  let over = false
  let failed: { readonly error: unknown } | undefined
  let paused = false
  const notify = (): void => {
    wake?.()
    wake = undefined
  }
  async function* read(): AsyncGenerator<unknown, void> {
    try {
      for (;;) {
        while (waiting.length > 0) {
          yield waiting.shift()
          if (paused && waiting.length < MOST / 2) {
            paused = false
            stream.resume()
          }
        }
        if (failed !== undefined) throw failed.error
        if (over) return
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    } finally {
      // Nobody reads any more: what still comes is let go.
      over = true
      waiting.length = 0
      if (paused) stream.resume()
      paused = false
    }
  }
  return {
    values: read(),
    push: (value) => {
      if (over) return
      waiting.push(value)
      if (!paused && waiting.length >= MOST) {
        paused = true
        stream.pause()
      }
      notify()
    },
    end: () => {
      over = true
      notify()
    },
    fail: (error) => {
      failed ??= { error }
      notify()
    },
  }
}
