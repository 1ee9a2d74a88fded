import { createServer, type AddressInfo } from 'node:net'

/** A server that costs next to nothing: it answers each request without a body with 32 bytes. */
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 32\r\n\r\n01234567890123456789012345678901'

const server = createServer({ noDelay: true }, (socket) => {
  let rest = ''
  socket.on('error', () => {})
  socket.on('data', (bytes) => {
    const text = rest + bytes.toString('latin1')
    const parts = text.split('\r\n\r\n')
    rest = parts.pop()!
    if (parts.length > 0) socket.write(ANSWER.repeat(parts.length), 'latin1')
  })
})
server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit())
