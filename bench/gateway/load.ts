import { connect } from 'node:net'
import { HEADERS } from './measure.ts'

/** Asks over 32 connections, each again as soon as it is answered, for so many seconds. */
const [port, seconds] = process.argv.slice(2, 4).map(Number) as [number, number]
const REQUEST = `GET ${process.argv[4]} HTTP/1.1\r\n${HEADERS.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`

/** By tenths of a millisecond. */
const times = new Uint32Array(100_000)
let answers = 0
const until = performance.now() + seconds * 1_000

for (let i = 0; i < 32; i++) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let began = performance.now()
  /** Bytes that are still to come of an answer; 0: its head. */
  let left = 0
  socket.on('connect', () => socket.write(REQUEST, 'latin1'))
  socket.on('data', (bytes) => {
    if (left === 0) {
      const head = bytes.toString('latin1', 0, 2_000)
      if (!head.startsWith('HTTP/1.1 200')) throw new Error(`It was answered with ${head.slice(0, 200)}`)
      left = head.indexOf('\r\n\r\n') + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1])
    }
    left -= bytes.length
    if (left > 0) return
    const now = performance.now()
    times[Math.min(times.length - 1, Math.floor((now - began) * 10))]!++
    answers++
    if (now >= until) return void socket.destroy()
    began = now
    socket.write(REQUEST, 'latin1')
  })
}
setTimeout(() => process.send!({ answers, p99: percentile(0.99) }, () => process.exit()), seconds * 1_000)

function percentile(share: number): number {
  let seen = 0
  const wanted = answers * share
  for (const [tenths, count] of times.entries()) if ((seen += count) >= wanted) return tenths / 10
  return 0
}
