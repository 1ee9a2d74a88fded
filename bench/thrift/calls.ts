/** Calls of a server in a process of its own, by bare sockets that send the same bytes and expect the same. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { BinaryWriter, MESSAGE } from '@dure/thrift/internal'
import { order, placeCodec, totalOf } from './orders.ts'

/** Connections, each with one call under way, and calls of a round. */
const [CONNECTIONS, CALLS] = [16, Number(process.env['DURE_BENCH_CALLS'] ?? 16_000)]

export type Server = { readonly child: ChildProcess; readonly port: number }
export type Measured = { readonly perSecond: number; readonly cpu: number }

export async function serve(...words: readonly string[]): Promise<Server> {
  const child = fork(join(import.meta.dirname, 'server.ts'), words, { execArgv: ['--conditions=dure-source'] })
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`Cannot start ${words[0]}: it ended with ${code}`)))
  const [port] = (await Promise.race([once(child, 'message'), ended])) as [number]
  ended.catch(() => {})
  return { child, port }
}

export async function measure(server: Server): Promise<Measured> {
  const used = await cpuOf(server)
  const begun = performance.now()
  const each = Math.ceil(CALLS / CONNECTIONS)
  await Promise.all(Array.from({ length: CONNECTIONS }, () => ask(server.port, each)))
  const ms = performance.now() - begun
  const calls = each * CONNECTIONS
  return { perSecond: (calls / ms) * 1_000, cpu: ((await cpuOf(server)) - used) / calls }
}

/** Microseconds of its CPU so far. */
async function cpuOf({ child }: Server): Promise<number> {
  const told = once(child, 'message')
  child.send('cpu')
  return ((await told) as [number])[0]
}

const request = frameOf(MESSAGE.call, (to) => placeCodec.args.write(to, { input: order }))
const answer = frameOf(MESSAGE.reply, (to) => placeCodec.writeValue(to, { orderId: order.orderId, total: totalOf(order) }))

function frameOf(type: number, write: (to: BinaryWriter) => void): Buffer {
  const writer = new BinaryWriter(1024 * 1024)
  writer.frame()
  writer.message('place', type, 7)
  write(writer)
  return writer.framed()
}

/** Asks so many times, one after the other, on a connection of its own. */
function ask(port: number, times: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => socket.write(request))
    let [left, bytes]: [number, Buffer] = [times, Buffer.alloc(0)]
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`Cannot go on: the connection ended with ${left} calls left`)))
    socket.on('data', (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      if (bytes.length < answer.length) return
      if (!bytes.equals(answer)) {
        reject(new Error(`Cannot go on: it answered ${bytes.toString('hex')}, and not ${answer.toString('hex')}`))
        return void socket.destroy()
      }
      bytes = Buffer.alloc(0)
      if (--left > 0) return void socket.write(request)
      resolve()
      socket.destroy()
    })
  })
}
