/** Connections of TCP: each line is a message. */
import { isUtf8 } from 'node:buffer'
import { createServer, type Socket } from 'node:net'
import { createServer as createSecure } from 'node:tls'
import { byeText, type CloseCode } from './closing.ts'
import type { Carrier } from './carrier.ts'
import { listening, type Listener, type ListenOptions } from './listener.ts'

export async function listenTcp(options: ListenOptions): Promise<Listener> {
  const { secure, mayAccept } = options
  const taken = (socket: Socket): void => {
    if (mayAccept()) take(socket, options)
    else socket.end(`${byeText(1013, 'There are as many connections as may be; try again soon')}\n`)
  }
  const server =
    secure === undefined ? createServer(TCP, taken) : createSecure({ ...TCP, ...secure.options, handshakeTimeout: 10_000 }, taken)
  secure?.follow(server as ReturnType<typeof createSecure>)
  const stop = (): void => {
    server.close()
    secure?.endHandshakes()
  }
  return { address: await listening(server, options), stop }
}

/** Who has said everything may still wait for answers. */
const TCP = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000, allowHalfOpen: true }
const NEWLINE = 10
const noHeader = (): undefined => undefined

function take(socket: Socket, { state, accept }: ListenOptions): void {
  const { limits } = state
  const { timers } = state.world.runtime
  let lines = ''
  let ended = false
  const flush = (): void => {
    if (lines === '' || socket.destroyed) return
    const text = lines
    lines = ''
    socket.write(text, (error) => !error && connection.drained())
  }
  const carrier: Carrier = {
    send: (text) => {
      if (ended) return
      // All that one turn sends leaves in one write.
      if (lines === '') timers.soon(flush)
      lines += `${text}\n`
    },
    behind: () => socket.writableLength + lines.length,
    end: () => {
      if (ended) return
      ended = true
      flush()
      socket.end()
      // What it still sends is of no interest, and it may never end its side.
      socket.resume()
      timers.after(limits.hello, () => socket.destroy())
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    ping: undefined,
    destroy: () => socket.destroy(),
  }
  const connection = accept(carrier, noHeader)
  const tooLong = (): void => refuse(1009, `A line has more than ${limits.message} bytes`)
  const refuse = (code: CloseCode, message: string): void => {
    carrier.send(byeText(code, message))
    carrier.end(code, message)
  }
  const reader = lineReader(limits.message, {
    line: (bytes) => {
      if (ended || bytes.length === 0) return
      if (isUtf8(bytes)) connection.receive(bytes.toString(), bytes.length)
      else refuse(4400, 'A line is not UTF-8')
    },
    tooLong,
  })
  /** Half a line is waited for no longer than a first one. */
  let half: { readonly cancel: () => void } | undefined
  socket.on('data', (bytes: Buffer) => {
    if (ended) return
    reader.read(bytes)
    half?.cancel()
    half = reader.isBetween()
      ? undefined
      : timers.after(limits.hello, () => refuse(1008, `A line did not end within ${limits.hello} ms`))
  })
  socket.on('end', connection.finish)
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    half?.cancel()
    connection.closed()
  })
}

/** Cuts bytes into lines of at most `most` bytes; nothing is read after one that is longer. */
function lineReader(
  most: number,
  on: { readonly line: (bytes: Buffer) => void; readonly tooLong: () => void },
): { readonly read: (bytes: Buffer) => void; readonly isBetween: () => boolean } {
  let parts: Buffer[] = []
  let size = 0
  let over = false
  return {
    isBetween: () => size === 0,
    read: (bytes) => {
      let from = 0
      while (!over && from < bytes.length) {
        const at = bytes.indexOf(NEWLINE, from)
        const to = at === -1 ? bytes.length : at
        size += to - from
        if (size > most) {
          over = true
          parts = []
          return on.tooLong()
        }
        if (at === -1) return void (to > from && parts.push(bytes.subarray(from)))
        const last = bytes.subarray(from, to)
        const line = parts.length === 0 ? last : Buffer.concat([...parts, last])
        parts = []
        size = 0
        from = at + 1
        on.line(line.at(-1) === 13 ? line.subarray(0, -1) : line)
      }
    },
  }
}
