import { connect, type Socket } from 'node:net'
import { CallError } from 'dure/contract'
import type { Runtime } from 'dure/runtime'
import { createReplies, type Reply } from './replies.ts'

/** The way to one server, opened when it is first asked and again when it was lost. */
export type Connection = {
  /**
   * Sends one command of the meta protocol, and its value where it has one.
   * @throws {CallError} when the server refuses it, or does not answer in time
   */
  readonly ask: (action: string, line: string, value?: Buffer) => Promise<Reply>
  readonly close: () => void
}

export type ConnectionOptions = {
  readonly host: string
  readonly port: number
  /** Milliseconds for an answer. */
  readonly timeout: number
  /** Milliseconds for which a server that has not answered is not asked. */
  readonly pause: number
  readonly runtime: Runtime
}

type Waiting = { readonly action: string; readonly resolve: (reply: Reply) => void; readonly reject: (error: Error) => void }
type Line = { readonly socket: Socket; readonly waiting: Waiting[]; lost: Error | undefined }

/** Commands that may wait for their answers. */
const MOST_WAITING = 10_000
/** Bytes that may wait to be sent. */
const MOST_BYTES = 16 * 1024 * 1024

export function createConnection({ host, port, timeout, pause, runtime }: ConnectionOptions): Connection {
  const { timers, clock } = runtime
  const where = `Memcached at ${host}:${port}`
  let current: Line | undefined
  let closed = false
  let trouble: { readonly why: string; readonly until: number } | undefined

  const unavailable = (action: string, why: string): CallError =>
    new CallError('UNAVAILABLE', `Cannot ${action}: ${where}: ${why}`, { inside: true })

  /** Answers come in the order of questions: after one that is missing nobody's answer can be told from another's. */
  const lose = (line: Line, error: Error): void => {
    if (line.lost !== undefined) return
    line.lost = error
    line.socket.destroy()
    if (current === line) current = undefined
    if (!closed) trouble = { why: error.message, until: clock.monotonic() + pause }
    for (const { action, reject } of line.waiting.splice(0))
      reject(unavailable(action, `${error.message}; whether it took that is not known`))
  }

  const open = (): Line => {
    const socket = connect({ host, port, noDelay: true })
    const line: Line = { socket, waiting: [], lost: undefined }
    const replies = createReplies()
    socket.on('data', (bytes: Buffer) => {
      try {
        for (const reply of replies.take(bytes)) {
          const first = line.waiting.shift()
          if (first === undefined) throw new Error('It answered what nobody had asked')
          trouble = undefined
          if (reply.failure === undefined) first.resolve(reply)
          else first.reject(refused(first.action, where, reply.failure))
        }
      } catch (error) {
        lose(line, error as Error)
      }
    })
    socket.on('error', (error) => lose(line, new Error(`the connection is lost (${error.message})`)))
    socket.on('close', () => lose(line, new Error('the connection is lost')))
    return line
  }

  return {
    ask: (action, text, value) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new CallError('FAILED_PRECONDITION', `Cannot ${action}: the store was stopped`))
        if (trouble !== undefined && clock.monotonic() < trouble.until) return reject(unavailable(action, trouble.why))
        const line = (current ??= open())
        if (line.waiting.length >= MOST_WAITING || line.socket.writableLength > MOST_BYTES)
          return reject(new CallError('RESOURCE_EXHAUSTED', `Cannot ${action}: ${where}: too much waits for it already`))
        const timer = timers.after(timeout, () => lose(line, new Error(`no answer for ${timeout} ms`)), 'waited')
        line.waiting.push({
          action,
          resolve: (reply) => (timer.cancel(), resolve(reply)),
          reject: (error) => (timer.cancel(), reject(error)),
        })
        line.socket.write(
          value === undefined ? `${text}\r\n` : Buffer.concat([Buffer.from(`${text}\r\n`), value, Buffer.from('\r\n')]),
        )
      }),
    close: () => {
      closed = true
      if (current !== undefined) lose(current, new Error('the store was stopped'))
    },
  }
}

function refused(action: string, where: string, failure: string): CallError {
  const [status, words] = failure.includes('out of memory')
    ? (['RESOURCE_EXHAUSTED', 'its memory is full; give it more (-m)'] as const)
    : failure.includes('too large')
      ? (['INVALID_ARGUMENT', 'it takes no item of that size; raise its largest (-I), or keep less'] as const)
      : failure === 'ERROR'
        ? (['FAILED_PRECONDITION', 'it does not know the meta commands; use Memcached 1.6 or later'] as const)
        : (['INTERNAL', 'it refused that'] as const)
  return new CallError(status, `Cannot ${action}: ${where}: ${words} (${failure})`, { inside: true })
}
