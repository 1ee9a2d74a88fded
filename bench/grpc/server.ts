/** `server.ts KIND PROTO`: the same service behind our door, behind grpc-js, and on bare frames. Tells its port. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { grpc } from '@dure/grpc'
import { serveHttp2, type Http2Headers } from '@dure/http2'
import { realRuntime } from 'dure/runtime'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { place, type Order } from '../call/work.ts'
import { Orders, watch, type Grpc, type Loader } from './orders.ts'

/** Peers' types are not known here on purpose: the tree is checked where they are not installed. */
const load = async (name: string): Promise<never> => (await import(name)) as never
const [kind, proto = ''] = process.argv.slice(2)
const kinds: Readonly<Record<string, () => Promise<number>>> = { dure, grpc_js: grpcJs, raw_frames: rawFrames }
process.send!(await kinds[kind!]!())

async function dure(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-grpc-'))
  const orders = service(Orders, { handlers: { place, watch } })
  const running = await start(system('bench', { services: [orders], doors: [grpc({ port: 0 })], security: 'off' }), {
    directory,
    log: silentLogger(),
  })
  process.once('disconnect', () => {
    void running.stop().finally(() => {
      rmSync(directory, { recursive: true, force: true })
      process.exit()
    })
  })
  return Number(new URL(running.doors[0]!.url!).port)
}

async function grpcJs(): Promise<number> {
  const library = (await load('@grpc/grpc-js')) as Grpc
  const { loadSync } = (await load('@grpc/proto-loader')) as Loader
  const server = new library.Server()
  server.addService(library.loadPackageDefinition(loadSync(proto)).orders.v1.OrdersService.service, {
    place: ({ request }: { request: Order }, answer: (error: unknown, value: unknown) => void) =>
      void place(request).then((value) => answer(null, value)),
    watch: async (call: Writing) => {
      for await (const value of watch(call.request))
        if (!call.write(value)) await new Promise<void>((resolve) => void call.once('drain', resolve))
      call.end()
    },
  })
  process.once('disconnect', () => process.exit())
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', library.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    )
  })
}

type Writing = {
  readonly request: { readonly count: number }
  write(value: unknown): boolean
  once(event: 'drain', told: () => void): void
  end(): void
}

const HEADERS: Http2Headers = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
]

/** Our frames and protobufjs' messages, and nothing else of a door: one call, whose message comes in one piece. */
async function rawFrames(): Promise<number> {
  const library = (await load('@grpc/grpc-js')) as Grpc
  const { loadSync } = (await load('@grpc/proto-loader')) as Loader
  const { Place } = library.loadPackageDefinition(loadSync(proto)).orders.v1.OrdersService.service
  const runtime = realRuntime()
  const onError = (error: unknown): void => console.error(error)
  const server = createServer(
    (socket) =>
      void serveHttp2(socket, {
        ...{ runtime, onError },
        onStream: (stream) => {
          let message: Buffer = Buffer.alloc(0)
          return {
            data: (bytes) => void (message = Buffer.from(bytes.subarray(5))),
            aborted: () => {},
            end: () =>
              void place(Place.requestDeserialize(message)).then((placed) => {
                stream.respond(HEADERS)
                stream.write(framed(Place.responseSerialize(placed)))
                stream.end([['grpc-status', '0']])
              }),
          }
        },
      }),
  )
  process.once('disconnect', () => process.exit())
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

function framed(message: Buffer): Buffer {
  const bytes = Buffer.alloc(5 + message.length)
  bytes.writeUInt32BE(message.length, 1)
  bytes.set(message, 5)
  return bytes
}
