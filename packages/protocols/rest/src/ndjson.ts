import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { sendStream, type Cancellation } from 'dure/door/internal'
import type { Problem } from './problem.ts'
import { sendProblem, type DoorState } from './reply.ts'

export type LinesOptions = {
  readonly reply: FastifyReply
  readonly state: DoorState
  readonly status: number
  readonly toJson: (value: unknown) => unknown
  /** Ended when the client goes away; ending it ends the callee. */
  readonly gone: Cancellation
  readonly describe: (error: unknown) => Problem
}

/**
 * Sends a stream as NDJSON: one value a line, an empty line when it has been silent for long, no faster than
 * the client reads. A stream that fails before its first line is answered with a problem document. One that
 * fails later ends with the line `{"$problem":{…}}`, and its connection closes without the end of the body,
 * so that a client that looks at neither still knows that something is missing.
 */
export function sendLines(values: AsyncIterable<unknown>, options: LinesOptions): Promise<void> {
  const { reply, state, status, toJson, gone, describe } = options
  const raw = reply.raw
  const write = (text: string): Promise<void> | undefined => {
    begin()
    return raw.write(text) ? undefined : drained(raw)
  }
  return sendStream(values, {
    ...{ state, gone },
    sender: {
      send: (value) => write(`${JSON.stringify(toJson(value))}\n`),
      quiet: () => write('\n'),
      end: () => {
        begin()
        raw.end()
      },
      fail: (error) => breakOff(describe(error)),
    },
  })

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

  async function breakOff(document: Problem): Promise<void> {
    if (!reply.sent) return sendProblem(reply, state, document)
    if (raw.destroyed) return
    await new Promise<void>((resolve) => {
      raw.once('close', resolve)
      raw.write(`${JSON.stringify({ $problem: document })}\n`, () => void raw.destroy())
    })
  }
}

/** Waits until more can be written, or nobody reads any more. */
function drained(raw: ServerResponse): Promise<void> {
  if (raw.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      raw.off('drain', done)
      raw.off('close', done)
      resolve()
    }
    raw.on('drain', done)
    raw.on('close', done)
  })
}
