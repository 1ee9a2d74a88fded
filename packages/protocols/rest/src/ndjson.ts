import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { problem, type Problem } from './problem.ts'
import { sendProblem, type DoorState } from './reply.ts'

export type LinesOptions = {
  readonly reply: FastifyReply
  readonly state: DoorState
  readonly status: number
  readonly toJson: (value: unknown) => unknown
  /** Aborted when the client goes away; aborting it ends the callee. */
  readonly gone: AbortController
  readonly describe: (error: unknown) => Problem
}

const QUIET = Symbol('quiet')
const GONE = Symbol('gone')
const CLOSING = Symbol('closing')

/**
 * Sends a stream as NDJSON: one value a line, an empty line when it has been silent for long, no faster than
 * the client reads. A stream that fails before its first line is answered with a problem document. One that
 * fails later ends with the line `{"$problem":{…}}`, and its connection closes without the end of the body,
 * so that a client that looks at neither still knows that something is missing.
 */
export async function sendLines(values: AsyncIterable<unknown>, options: LinesOptions): Promise<void> {
  const { reply, state, status, toJson, gone, describe } = options
  const raw = reply.raw
  const iterator = values[Symbol.asyncIterator]()
  const events = outside(options)
  let pending: Promise<IteratorResult<unknown>> | undefined
  try {
    for (;;) {
      pending ??= iterator.next()
      const next = await events.race(pending)
      if (next === GONE) return
      if (next === CLOSING) return await breakOff(stopping)
      if (next === QUIET) {
        begin()
        await events.drained(raw.write('\n'))
        continue
      }
      pending = undefined
      if (next.done) break
      const line = `${JSON.stringify(toJson(next.value))}\n`
      begin()
      if (!raw.write(line)) await events.drained(false)
    }
    begin()
    raw.end()
  } catch (error) {
    await breakOff(() => describe(error))
  } finally {
    events.stop()
    gone.abort()
    pending?.catch(() => {})
    // Not awaited: a callee that never looks at its signal must not hold the connection.
    void Promise.resolve(iterator.return?.()).catch(() => {})
  }

  function begin(): void {
    if (reply.sent) return
    reply.hijack()
    const connection = state.closing ? { connection: 'close' } : {}
    const headers = {
      'content-type': 'application/x-ndjson; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    }
    raw.writeHead(status, { ...(reply.getHeaders() as Record<string, string>), ...headers, ...connection })
  }

  async function breakOff(reason: () => Problem): Promise<void> {
    const document = reason()
    if (!reply.sent) return sendProblem(reply, state, document)
    if (raw.destroyed) return
    await new Promise<void>((resolve) => {
      raw.once('close', resolve)
      raw.write(`${JSON.stringify({ $problem: document })}\n`, () => void raw.destroy())
    })
  }
}

const stopping = (): Problem => problem(503, 'UNAVAILABLE', 'The stream ended because the server is stopping; open it again')

type Outside = {
  readonly race: <T>(value: Promise<T>) => Promise<T | typeof QUIET | typeof GONE | typeof CLOSING>
  /** Waits until more can be written, if it cannot now. */
  readonly drained: (writable: boolean) => Promise<void>
  readonly stop: () => void
}

/** What may happen to a stream from outside while it waits for its next value. */
function outside({ reply, state, gone }: LinesOptions): Outside {
  const raw: ServerResponse = reply.raw
  const timers = state.world.runtime.timers
  let wake: ((what: typeof QUIET | typeof GONE | typeof CLOSING) => void) | undefined
  let came: typeof GONE | typeof CLOSING | undefined
  let written = false
  const happen = (what: typeof GONE | typeof CLOSING) => (): void => {
    came ??= what
    wake?.(what)
  }
  const onGone = happen(GONE)
  const onClosing = happen(CLOSING)
  gone.signal.addEventListener('abort', onGone, { once: true })
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
    drained: (writable) => {
      if (writable || raw.destroyed) return Promise.resolve()
      return new Promise((resolve) => {
        const done = (): void => {
          raw.off('drain', done)
          raw.off('close', done)
          resolve()
        }
        raw.on('drain', done)
        raw.on('close', done)
      })
    },
    stop: () => {
      timer.cancel()
      state.streams.delete(onClosing)
      gone.signal.removeEventListener('abort', onGone)
    },
  }
}
