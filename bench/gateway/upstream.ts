import { createServer, type AddressInfo } from 'node:net'

/** A server for where nginx is not installed: it answers each request without a body with 32 bytes, and with 16 KiB at `/orders/large`. */
const SMALL = '01234567890123456789012345678901'
const answer = (body: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const [small, large] = [answer(SMALL), answer(SMALL.repeat(512))]

const server = createServer({ noDelay: true }, (socket) => {
  let rest = ''
  socket.on('error', () => {})
  socket.on('data', (bytes) => {
    const parts = (rest + bytes.toString('latin1')).split('\r\n\r\n')
    rest = parts.pop()!
    for (const part of parts) socket.write(part.startsWith('GET /orders/large ') ? large : small, 'latin1')
  })
})
server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit())
