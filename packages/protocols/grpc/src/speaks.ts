/** What a new connection speaks: HTTP/2 says so with its first bytes. */
import type { Socket } from 'node:net'
import type { TcpConnection } from 'dure/door/internal'
import type { Runtime } from 'dure/runtime'

/** Milliseconds for a client to say its first bytes. */
const FIRST = 10_000
const PREFACE = Buffer.from('PRI')

/** @param serve with what was read already */
export function bySpeech(
  socket: Socket,
  { timers }: Pick<Runtime, 'timers'>,
  serve: Readonly<Record<'http2' | 'http1', (socket: Socket, head: Buffer) => TcpConnection>>,
): TcpConnection {
  let head = Buffer.alloc(0)
  let connection: TcpConnection = { finish: () => socket.destroy(), cut: () => socket.destroy() }
  const timer = timers.after(FIRST, () => socket.destroy())
  const fail = (): void => void socket.destroy()
  const look = (bytes: Buffer): void => {
    head = Buffer.concat([head, bytes])
    // No method of HTTP/1.1 begins so.
    if (head.length < PREFACE.length && PREFACE.subarray(0, head.length).equals(head)) return
    timer.cancel()
    socket.off('data', look)
    socket.off('error', fail)
    connection = serve[PREFACE.equals(head.subarray(0, PREFACE.length)) ? 'http2' : 'http1'](socket, head)
  }
  socket.on('data', look)
  socket.on('error', fail)
  socket.once('close', timer.cancel)
  return { finish: () => connection.finish(), cut: () => connection.cut() }
}
