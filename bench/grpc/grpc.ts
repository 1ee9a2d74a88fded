import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { protoDocument } from '@dure/grpc'
import type { BenchContext, BenchResult } from '../bench.ts'
import { order } from '../call/work.ts'
import { cpuOf, MEASURED, ours, type Program } from '../gateway/processes.ts'
import { Orders, type Grpc, type Loader, type Method } from './orders.ts'

const ROUNDS = Number(process.env['DURE_BENCH_ROUNDS'] ?? 3)
const REQUESTS = Number(process.env['DURE_BENCH_REQUESTS'] ?? 40_000)
/** Messages of one stream. */
const MESSAGES = 1_000

const UNARY = { calls: REQUESTS, method: 'Place', input: order, messages: 1 } as const
/** Connections, and streams at once on each; and how many messages one call is answered with. */
const LOADS = {
  unary16: { ...UNARY, connections: 8, streams: 16 },
  unary1: { ...UNARY, connections: 64, streams: 1 },
  stream: {
    connections: 8,
    streams: 1,
    method: 'Watch',
    input: { count: MESSAGES },
    messages: MESSAGES,
    calls: Math.max(8, Math.ceil(REQUESTS / 250)),
  },
} as const
const NAMES = ['dure', 'grpc_js', 'raw_frames'] as const

type Load = (typeof LOADS)[keyof typeof LOADS]
type Measured = { readonly perSecond: number; readonly microseconds: number; readonly bytes: number }

/**
 * An order of two lines, and a stream of placed orders, asked by h2load (of the package nghttp2-client) from our door (contract,
 * deadline, trace and metrics on), from a server of grpc-js by the drawn document, and from our bare frames with protobufjs (no
 * streams); each on a core of its own. Rounds are interleaved, and the best of each counts. Of a stream, its messages are counted.
 */
export async function bench({ progress, peer }: BenchContext): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'dure-bench-grpc-'))
  const proto = join(folder, 'orders.proto')
  writeFileSync(proto, protoDocument(Orders).text)
  const library = (await peer('@grpc/grpc-js')) as Grpc
  const { loadSync } = (await peer('@grpc/proto-loader')) as Loader
  const { OrdersService } = library.loadPackageDefinition(loadSync(proto)).orders.v1
  const servers: Program[] = []
  const best: Record<string, Measured> = {}
  try {
    for (const name of NAMES) servers.push(await ours('../grpc/server.ts', [name, proto], MEASURED))
    for (const { port } of servers) {
      const client = new OrdersService(`127.0.0.1:${port}`, library.credentials.createInsecure())
      const total = await new Promise<number>((resolve, reject) => {
        client.place(order, (error, placed) => (error === null ? resolve(placed.total) : reject(error)))
      })
      client.close()
      if (total !== 16) throw new Error(`An order was answered with the total ${total}, not 16.`)
    }
    for (let round = 0; round < ROUNDS; round++)
      for (const [name, load] of Object.entries(LOADS))
        for (const [i, kind] of NAMES.entries()) {
          if (kind === 'raw_frames' && load.method === 'Watch') continue
          progress(`round ${round + 1} of ${ROUNDS}: ${kind}, ${name}`)
          const now = measure(servers[i]!, { load, method: OrdersService.service[load.method], folder })
          const before = best[`${kind}_${name}`] ?? now
          const { bytes } = best[`dure_${name}`] ?? now
          // h2load does not read trailers: what failed there has fewer messages.
          if (now.bytes !== bytes)
            throw new Error(`"${kind}" answered "${name}" with ${now.bytes} bytes, our door with ${bytes}.`)
          best[`${kind}_${name}`] = {
            perSecond: Math.max(now.perSecond, before.perSecond),
            microseconds: Math.min(now.microseconds, before.microseconds),
            bytes: now.bytes,
          }
        }
  } finally {
    for (const server of servers) server.stop()
    rmSync(folder, { recursive: true })
  }
  return resultOf(best)
}

function resultOf(best: Readonly<Record<string, Measured>>): BenchResult {
  const ratio = (load: keyof typeof LOADS, peer: string): number =>
    best[`dure_${load}`]!.perSecond / best[`${peer}_${load}`]!.perSecond
  const cpu = (load: keyof typeof LOADS): number => best[`grpc_js_${load}`]!.microseconds / best[`dure_${load}`]!.microseconds
  return {
    ratios: {
      unary16_vs_grpc_js: ratio('unary16', 'grpc_js'),
      unary1_vs_grpc_js: ratio('unary1', 'grpc_js'),
      stream_vs_grpc_js: ratio('stream', 'grpc_js'),
      vs_raw_frames: ratio('unary16', 'raw_frames'),
      unary16_cpu_vs_grpc_js: cpu('unary16'),
      unary1_cpu_vs_grpc_js: cpu('unary1'),
      stream_cpu_vs_grpc_js: cpu('stream'),
    },
    figures: Object.fromEntries(
      Object.entries(best).flatMap(([name, { perSecond, microseconds }]) => {
        const what = name.endsWith('_stream') ? 'message' : 'call'
        return [
          [`${name}_${what}s_per_second`, perSecond],
          [`${name}_cpu_us_per_${what}`, microseconds],
        ]
      }),
    ),
  }
}

function measure(
  { port, pid }: Program,
  { load, method, folder }: { readonly load: Load; readonly method: Method; readonly folder: string },
): Measured {
  const { calls, messages } = load
  const message = method.requestSerialize(load.input)
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  const body = join(folder, 'body')
  writeFileSync(body, Buffer.concat([head, message]))
  const before = cpuOf(pid)
  const output = execFileSync(
    'h2load',
    [
      ...['-n', `${calls}`, '-c', `${load.connections}`, '-m', `${load.streams}`, '-d', body],
      ...['-H', 'content-type: application/grpc', '-H', 'te: trailers', `http://127.0.0.1:${port}${method.path}`],
    ],
    { encoding: 'utf8' },
  )
  const after = cpuOf(pid)
  const perSecond = Number(/finished in [^,]+, ([\d.]+) req\/s/.exec(output)?.[1])
  const bytes = Number(/\((\d+)\) data/.exec(output)?.[1])
  if (!output.includes(`${calls} succeeded, 0 failed`) || !(bytes > 0)) throw new Error(`Some calls failed: ${output}`)
  return { perSecond: perSecond * messages, microseconds: (after - before) / (calls * messages), bytes: bytes / calls }
}
