import { connect } from 'node:net'

export type Measured = { readonly rps: number; readonly p50: number; readonly p99: number }

/** Asks over 32 connections, each again as soon as it is answered, for so many seconds. */
const [port, seconds] = process.argv.slice(2).map(Number) as [number, number]
const REQUEST =
  'GET /orders/7?all=true HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: load\r\nAccept: */*\r\nX-Api-Key: secret\r\n' +
  'Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyMSIsImV4cCI6OTk5OTk5OTk5OX0.abcabcabcabcabcabcabcabcabcabcabc\r\n\r\n'

/** By tenths of a millisecond. */
const times = new Uint32Array(100_000)
let answers = 0
const until = performance.now() + seconds * 1_000

for (let i = 0; i < 32; i++) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let began = performance.now()
  let rest = ''
  socket.on('connect', () => socket.write(REQUEST, 'latin1'))
  socket.on('data', (bytes) => {
    rest += bytes.toString('latin1')
    if (!rest.endsWith('01234567890123456789012345678901')) return
    if (!rest.startsWith('HTTP/1.1 200')) throw new Error(`It was answered with ${rest.slice(0, 200)}`)
    rest = ''
    const now = performance.now()
    times[Math.min(times.length - 1, Math.floor((now - began) * 10))]!++
    answers++
    if (now >= until) return void socket.destroy()
    began = now
    socket.write(REQUEST, 'latin1')
  })
}
process.on('exit', () => {})
setTimeout(() => {
  const measured: Measured = { rps: answers / seconds, p50: percentile(0.5), p99: percentile(0.99) }
  process.send!(measured, () => process.exit())
}, seconds * 1_000)

function percentile(share: number): number {
  let seen = 0
  const wanted = answers * share
  for (const [tenths, count] of times.entries()) if ((seen += count) >= wanted) return tenths / 10
  return 0
}
