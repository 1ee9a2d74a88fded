import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { BenchContext, BenchResult } from '../bench.ts'
import { cpuOf, MEASURED, ours, type Program } from '../gateway/processes.ts'
import { answerText, callText, HEARD, LISTEN, SAY } from './orders.ts'

const ROUNDS = Number(process.env['DURE_BENCH_ROUNDS'] ?? 3)
const CALLS = Number(process.env['DURE_BENCH_REQUESTS'] ?? 40_000)
const LISTENERS = Number(process.env['DURE_BENCH_LISTENERS'] ?? 2_000)
/** Connections, and calls under way at once on each. */
const [CONNECTIONS, AT_ONCE] = [8, 16]
/** Messages that are said to all listeners, one after the other. */
const SAID = 30

type Measured = { readonly perSecond: number; readonly microseconds: number }
type Way = 'ws' | 'net' | 'dgram'

/**
 * An order of two lines as a call, by WebSocket, by lines of TCP and by datagrams: to our door (contract, deadline, trace and metrics on), and to
 * what does the same on bare `ws`, `net` and `dgram`; each server on a core of its own, asked by bare sockets that send bytes made beforehand. Rounds are
 * interleaved, and the best of each counts. One client cannot fill a server with datagrams, so those are counted by the second of CPU that the server takes. Then
 * a room with many listeners over WebSocket: how long until the last of a hundred has heard what was said.
 */
export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  const best: Record<string, Measured> = {}
  const figures: Record<string, number> = {}
  const programs: Program[] = []
  const serve = async (kind: string): Promise<Program> => {
    const program = await ours('../socket/server.ts', [kind], MEASURED)
    programs.push(program)
    return program
  }
  try {
    for (const way of ['ws', 'net', 'dgram'] as const) {
      const servers = { dure: await serve(`dure_${way}`), bare: await serve(`bare_${way}`) }
      for (let round = 0; round < ROUNDS; round++)
        for (const [name, program] of Object.entries(servers)) {
          progress(`round ${round + 1} of ${ROUNDS}: ${name}, ${way}`)
          const now = await measured(way, program)
          const before = best[`${name}_${way}`] ?? now
          best[`${name}_${way}`] = {
            perSecond: Math.max(now.perSecond, before.perSecond),
            microseconds: Math.min(now.microseconds, before.microseconds),
          }
        }
      if (way === 'ws')
        for (const [name, { port }] of Object.entries(servers)) {
          progress(`${LISTENERS} listeners: ${name}`)
          const [half, most] = await fanout(port)
          figures[`${name === 'dure' ? '' : 'bare_'}fanout_p50_ms`] = half
          figures[`${name === 'dure' ? '' : 'bare_'}fanout_p99_ms`] = most
        }
    }
  } finally {
    for (const { stop } of programs) stop()
  }
  for (const [name, { perSecond, microseconds }] of Object.entries(best)) {
    figures[`${name}_calls_per_second`] = perSecond
    figures[`${name}_cpu_us_per_call`] = microseconds
  }
  const throughput = (way: Way): number => best[`dure_${way}`]!.perSecond / best[`bare_${way}`]!.perSecond
  const cpu = (way: Way): number => best[`bare_${way}`]!.microseconds / best[`dure_${way}`]!.microseconds
  return {
    ratios: {
      ...{ ws_vs_bare_ws: throughput('ws'), tcp_vs_bare_net: throughput('net'), udp_vs_bare_dgram: cpu('dgram') },
      ...{ ws_cpu_vs_bare_ws: cpu('ws'), tcp_cpu_vs_bare_net: cpu('net') },
    },
    figures,
  }
}

async function measured(way: Way, { port, pid }: Program): Promise<Measured> {
  const each = CALLS / CONNECTIONS
  const ask = way === 'dgram' ? askDatagrams : askStream
  const [cpu, begun] = [cpuOf(pid), performance.now()]
  const counts = await Promise.all(Array.from({ length: CONNECTIONS }, () => ask(port, each, way)))
  const calls = counts.reduce((sum, count) => sum + count, 0)
  const seconds = (performance.now() - begun) / 1_000
  return { perSecond: calls / seconds, microseconds: (cpuOf(pid) - cpu) / calls }
}

/** Calls that are sent together, with ids of two digits: all answers are of one length. */
const IDS = Array.from({ length: AT_ONCE }, (_, n) => n + 10)

/** Sends calls together, and again when all are answered. */
async function askStream(port: number, times: number, way: Way): Promise<number> {
  const socket = way === 'ws' ? await upgraded(port) : connect({ port, host: '127.0.0.1', noDelay: true })
  const calls = Buffer.concat(IDS.map((id) => (way === 'ws' ? frame(callText(id)) : Buffer.from(`${callText(id)}\n`))))
  const answer = answerText(10)
  const whole = AT_ONCE * (answer.length + (way === 'ws' ? 2 : 1))
  let [left, came] = [Math.ceil(times / AT_ONCE), 0]
  const asked = left * AT_ONCE
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.on('data', (bytes) => {
      if (came === 0 && !bytes.toString('latin1', 0, 200).includes(answer.slice(answer.indexOf('"value"'))))
        return reject(new Error(`It was answered with ${bytes.toString('utf8', 0, 200)}`))
      came += bytes.length
      if (came < whole) return
      came = 0
      if (--left > 0) return void socket.write(calls)
      socket.destroy()
      resolve()
    })
    socket.write(calls)
  })
  return asked
}

/** The same with datagrams; those that are lost are not waited for. @returns how many were answered */
async function askDatagrams(port: number, times: number): Promise<number> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  let [number, answered, wanted] = [1_000, 0, 0]
  const next = (): void => {
    wanted = answered + AT_ONCE
    number++
    for (const id of IDS) socket.send(callText(number, `k${id}`), port, '127.0.0.1')
  }
  await new Promise<void>((resolve) => {
    const lost = setInterval(next, 500)
    socket.on('message', (bytes) => {
      if (answered === 0 && !bytes.includes('"answer"')) throw new Error(`It was answered with ${bytes.toString()}`)
      if (++answered < wanted) return
      lost.refresh()
      if (answered < times) return next()
      clearInterval(lost)
      resolve()
    })
    next()
  })
  socket.close()
  return answered
}

const UPGRADE =
  'GET /socket HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n' +
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: dure.socket.v1\r\n\r\n'

async function upgraded(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.write(UPGRADE)
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  if (!bytes.toString('latin1').startsWith('HTTP/1.1 101')) throw new Error(`No WebSocket: ${bytes.toString()}`)
  return socket
}

/** A frame of a client; masked with zeros, which leaves the text as it is. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text)
  const { length } = payload
  const head = length < 126 ? [0x81, 0x80 | length] : [0x81, 0x80 | 126, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload])
}

/** Milliseconds from a message to each who listens, half of them and 99 of a hundred. */
async function fanout(port: number): Promise<readonly [number, number]> {
  const times: number[] = []
  let [begun, heard] = [0, 0]
  let all = (): void => {}
  const sockets: Socket[] = []
  for (let n = 0; n < LISTENERS; n++) {
    const socket = await upgraded(port)
    sockets.push(socket)
    let came = 0
    socket.on('data', (bytes) => {
      came += bytes.length
      // Both have heads of two bytes, and a ping has no more.
      if (came < HEARD.length + 2) return
      came = 0
      times.push(performance.now() - begun)
      if (++heard === LISTENERS) all()
    })
    socket.write(frame(LISTEN))
  }
  const speaker = await upgraded(port)
  // All listen when what they said before has been read.
  await new Promise((resolve) => void setTimeout(resolve, 1_000))
  for (let n = 0; n < SAID; n++) {
    heard = 0
    const told = new Promise<void>((resolve) => (all = resolve))
    begun = performance.now()
    speaker.write(frame(SAY))
    await told
  }
  for (const socket of [...sockets, speaker]) socket.destroy()
  // The first ones are of code that is not warm.
  const sorted = times.slice(5 * LISTENERS).toSorted((a, b) => a - b)
  return [sorted[Math.floor(sorted.length / 2)]!, sorted[Math.floor(sorted.length * 0.99)]!]
}
