/** The calling process of one contender: its first argument names it; each message asks for a round, answered with what was measured. */
import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { Worker } from 'node:worker_threads'
import { once } from 'node:events'
import { join } from 'node:path'
import { livePolicies, type Client } from 'dure/call'
import { clientFactory, createGuards, socketPeers } from 'dure/call/internal'
import type { Address } from 'dure/discovery'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { bareFrames, type Packer } from './frames.ts'
import { freePort } from '@dure/testing/servers'
import { moleculerFeatures, Orders, traceparent } from './order.ts'
import { order } from './work.ts'

/** Calls under way at once. */
const IN_FLIGHT = 64
/** Values of one stream. */
const STREAMED = 50_000

/** Peers' types are not known here on purpose: the tree is checked where they are not installed. */
const load = async (name: string): Promise<never> => (await import(name)) as never

/** One way to place an order in another process. */
type Contender = {
  readonly call: () => Promise<unknown>
  readonly stop: () => Promise<void> | void
  /** Calls of one round: about a second's worth. */
  readonly calls: number
  /** Who calls from a place of its own measures there. */
  readonly round?: () => Promise<Round>
}

export type Round = { readonly perSecond: number; readonly us: number }

async function perSecond(call: () => Promise<unknown>, calls: number): Promise<number> {
  let left = calls
  const caller = async (): Promise<void> => {
    while (left-- > 0) await call()
  }
  const begun = performance.now()
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller))
  return (calls / (performance.now() - begun)) * 1_000
}

async function microseconds(call: () => Promise<unknown>, calls: number): Promise<number> {
  const begun = performance.now()
  for (let i = 0; i < calls; i++) await call()
  return ((performance.now() - begun) * 1_000) / calls
}

type Server = { readonly where: unknown; readonly stop: () => void }

/** Starts the other process; resolves with where it listens. */
async function serve(kind: string, argument?: string): Promise<Server> {
  const child: ChildProcess = fork(
    join(import.meta.dirname, 'server.ts'),
    [kind, ...(argument === undefined ? [] : [argument])],
    {
      execArgv: ['--conditions=dure-source'],
    },
  )
  const where = await new Promise<unknown>((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', (code) => reject(new Error(`Cannot measure "${kind}": its process ended with code ${code}`)))
  })
  return { where, stop: () => void child.disconnect() }
}

/** The same in a thread of this process, as the placement `threads` has it. */
async function serveInThread(directory: string): Promise<Server> {
  const worker = new Worker(new URL('server.ts', import.meta.url), { argv: ['unix', directory] })
  const [where] = (await once(worker, 'message')) as [unknown]
  return { where, stop: () => void worker.terminate() }
}

async function dure(
  kind: 'tcp' | 'unix' | 'thread',
  { guarded = false }: { readonly guarded?: boolean } = {},
): Promise<Contender & { readonly client: Client<typeof Orders> }> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-remote-'))
  const server = await (kind === 'thread' ? serveInThread(directory) : serve(kind, directory))
  const runtime = realRuntime()
  const peer = socketPeers({ runtime, log: silentLogger() })(server.where as Address)
  const guards = createGuards({ source: livePolicies({ orders: { breaker: {} } }), runtime, log: silentLogger() })
  const transport = guarded ? guards.around(peer, 'bench', {}) : peer
  const client = clientFactory({ contract: Orders, transport, runtime })({ service: 'bench' })
  return {
    client,
    call: () => client.place(order, { traceparent }),
    calls: 150_000,
    stop: async () => {
      guards.stop()
      await peer.stop()
      server.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Values of one stream, as fast as they are taken. */
async function streamed(open: (count: number) => AsyncIterable<unknown>): Promise<Round> {
  const take = async (count: number): Promise<number> => {
    const begun = performance.now()
    let taken = 0
    for await (const _ of open(count)) taken++
    if (taken !== count) throw new Error(`Cannot measure a stream: ${taken} of ${count} values came`)
    return performance.now() - begun
  }
  const ms = await take(STREAMED)
  return { perSecond: (STREAMED / ms) * 1_000, us: (await take(1)) * 1_000 }
}

async function dureStream(): Promise<Contender> {
  const { client, ...contender } = await dure('tcp')
  return { ...contender, round: () => streamed((count) => client.watch({ count })) }
}

async function grpcStream(): Promise<Contender> {
  const { client, ...contender } = await grpc()
  return { ...contender, round: () => streamed((count) => client.watch({ count })) }
}

async function bareEcho(): Promise<Contender> {
  const { Packr } = (await load('msgpackr')) as { Packr: new (options: object) => Packer }
  const server = await serve('bare')
  const socket = connect(server.where as number, '127.0.0.1')
  const waiting = new Map<number, (value: unknown) => void>()
  let last = 0
  const send = bareFrames(socket, new Packr({ useRecords: false }), (id, value) => {
    waiting.get(id)!(value)
    waiting.delete(id)
  })
  return {
    call: () =>
      new Promise((resolve) => {
        waiting.set(++last, resolve)
        send(last, order)
      }),
    calls: 300_000,
    stop: () => {
      socket.destroy()
      server.stop()
    },
  }
}

async function moleculer(): Promise<Contender> {
  const { ServiceBroker } = (await load('moleculer')) as { ServiceBroker: new (options: object) => MoleculerBroker }
  const port = await freePort()
  const server = await serve('moleculer', String(port))
  const urls = [`127.0.0.1:${server.where as number}/callee`, `127.0.0.1:${port}/caller`]
  const broker = new ServiceBroker({
    nodeID: 'caller',
    logger: false,
    requestTimeout: 5_000,
    ...moleculerFeatures,
    transporter: { type: 'TCP', options: { udpDiscovery: false, port, urls } },
  })
  await broker.start()
  await broker.waitForServices('orders', 30_000)
  return {
    call: () => broker.call('orders.place', order),
    calls: 20_000,
    stop: async () => {
      await broker.stop()
      server.stop()
    },
  }
}

type MoleculerBroker = {
  readonly start: () => Promise<void>
  readonly stop: () => Promise<void>
  readonly waitForServices: (name: string, timeout: number) => Promise<unknown>
  readonly call: (action: string, params: unknown) => Promise<unknown>
}

async function nest(): Promise<Contender> {
  await load('reflect-metadata')
  const { ClientProxyFactory, Transport } = (await load('@nestjs/microservices')) as NestClients
  const { firstValueFrom } = (await load('rxjs')) as { firstValueFrom: (values: unknown) => Promise<unknown> }
  const server = await serve('nest')
  const client = ClientProxyFactory.create({
    transport: Transport.TCP,
    options: { host: '127.0.0.1', port: server.where as number },
  })
  await client.connect()
  return {
    call: () => firstValueFrom(client.send('orders.place', order)),
    calls: 20_000,
    stop: () => {
      client.close()
      server.stop()
    },
  }
}

type NestClients = {
  readonly ClientProxyFactory: {
    create(options: object): { connect(): Promise<unknown>; send(pattern: string, data: unknown): unknown; close(): void }
  }
  readonly Transport: { readonly TCP: unknown }
}

async function grpc(): Promise<Contender & { readonly client: GrpcClient }> {
  const library = (await load('@grpc/grpc-js')) as Grpc
  const { loadSync } = (await load('@grpc/proto-loader')) as { loadSync: (path: string) => unknown }
  const server = await serve('grpc')
  const { bench } = library.loadPackageDefinition(loadSync(join(import.meta.dirname, 'order.proto')))
  const client = new bench.Orders(`127.0.0.1:${server.where as number}`, library.credentials.createInsecure())
  return {
    client,
    call: () =>
      new Promise((resolve, reject) => client.place(order, (error, value) => (error === null ? resolve(value) : reject(error)))),
    calls: 20_000,
    stop: () => {
      client.close()
      server.stop()
    },
  }
}

type GrpcClient = {
  place(input: unknown, done: (error: Error | null, value: unknown) => void): void
  watch(input: { count: number }): AsyncIterable<unknown>
  close(): void
}
type Grpc = {
  readonly loadPackageDefinition: (definition: unknown) => {
    readonly bench: { readonly Orders: new (address: string, credentials: unknown) => GrpcClient }
  }
  readonly credentials: { readonly createInsecure: () => unknown }
}

async function effect(): Promise<Contender> {
  const { callEffect } = (await load(join(import.meta.dirname, 'effect.js'))) as EffectPeer
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-effect-'))
  const server = await serve('effect', join(directory, 'orders.sock'))
  const client = await callEffect(server.where as string)
  return {
    call: () => client.place(order),
    calls: 30_000,
    stop: async () => {
      await client.stop()
      server.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

type EffectPeer = {
  readonly callEffect: (path: string) => Promise<{ place(order: unknown): Promise<unknown>; stop(): Promise<void> }>
}

/** Its applications are threads of one process; each has an event loop of its own, as processes have. */
async function watt(): Promise<Contender> {
  const { create } = (await load('@platformatic/runtime')) as WattRuntime
  const runtime = await create(join(import.meta.dirname, 'watt'), undefined, { isProduction: true, production: true })
  const url = await runtime.start()
  const calls = 4_000
  return {
    call: () => Promise.reject(new Error('Not from here')),
    calls,
    round: async () => (await (await fetch(`${url}/round?calls=${calls}&inFlight=${IN_FLIGHT}`)).json()) as Round,
    stop: () => runtime.close(),
  }
}

type WattRuntime = {
  readonly create: (
    root: string,
    source: undefined,
    context: object,
  ) => Promise<{ start(): Promise<string>; close(): Promise<void> }>
}

const contenders: Readonly<Record<string, () => Promise<Contender>>> = {
  echo: bareEcho,
  remote: () => dure('tcp'),
  guarded: () => dure('tcp', { guarded: true }),
  unix: () => dure('unix'),
  thread: () => dure('thread'),
  moleculer,
  nest,
  grpc,
  stream: dureStream,
  grpc_stream: grpcStream,
  effect,
  watt,
}
const { call, calls, round, stop } = await contenders[process.argv[2]!]!()
process.on('message', () => {
  void (async () => {
    const measured: Round = (await round?.()) ?? {
      perSecond: await perSecond(call, calls),
      us: await microseconds(call, calls / 40),
    }
    process.send!(measured)
  })()
})
process.on('disconnect', () => void Promise.resolve(stop()).finally(() => process.exit()))
process.send!('ready')
