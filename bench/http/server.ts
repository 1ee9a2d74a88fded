/** The other process: answers each request with the same order, as cheaply as can be, so that what is measured is whoever calls. */
import { createServer, type AddressInfo } from 'node:net'

const body = JSON.stringify({ orderId: 'order-4711', total: 16 })
const answer = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
const END = '\r\n\r\n'

const server = createServer((socket) => {
  let text = ''
  socket.setNoDelay(true).on('error', () => {})
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    for (let end = text.indexOf(END); end >= 0; end = text.indexOf(END)) {
      const length = Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0)
      const whole = end + END.length + length
      if (text.length < whole) return
      text = text.slice(whole)
      socket.write(answer)
    }
  })
})
server.listen(0, '127.0.0.1', () => void process.send!((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit())
