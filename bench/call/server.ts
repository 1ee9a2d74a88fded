/** The other process, or thread: serves orders in the way that its first argument names, and tells where. */
import { createServer } from 'node:net'
import { join } from 'node:path'
import { parentPort } from 'node:worker_threads'
import { listenSocket } from 'dure/call/internal'
import type { Address } from 'dure/discovery'
import { realRuntime } from 'dure/runtime'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { bareFrames, type Packer } from './frames.ts'
import { freePort } from '@dure/testing/servers'
import { moleculerFeatures, moleculerParams, Orders } from './order.ts'
import { place, watch, type Order } from './work.ts'

/** Peers' types are not known here on purpose: the tree is checked where they are not installed. */
const load = async (name: string): Promise<never> => (await import(name)) as never

async function dure(address: Address, directory: string): Promise<Address> {
  const log = silentLogger()
  const running = await start(system('bench', { services: [service(Orders, { handlers: { place, watch } })] }), {
    directory,
    log,
  })
  const listener = await listenSocket({ address, transport: running.transport, runtime: realRuntime(), log })
  return listener.address
}

async function bare(): Promise<number> {
  const { Packr } = (await load('msgpackr')) as { Packr: new (options: object) => Packer }
  const packer = new Packr({ useRecords: false })
  const server = createServer((socket) => {
    const send = bareFrames(socket, packer, (id, input) => void place(input as Order).then((answer) => send(id, answer)))
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return (server.address() as { port: number }).port
}

async function moleculer(callerPort: number): Promise<number> {
  const { ServiceBroker } = (await load('moleculer')) as { ServiceBroker: new (options: object) => MoleculerBroker }
  const port = await freePort()
  const urls = [`127.0.0.1:${port}/callee`, `127.0.0.1:${callerPort}/caller`]
  const broker = new ServiceBroker({
    nodeID: 'callee',
    logger: false,
    validator: true,
    requestTimeout: 5_000,
    ...moleculerFeatures,
    transporter: { type: 'TCP', options: { udpDiscovery: false, port, urls } },
  })
  broker.createService({
    name: 'orders',
    actions: { place: { params: moleculerParams, handler: ({ params }: { params: Order }) => place(params) } },
  })
  await broker.start()
  return port
}

type MoleculerBroker = { readonly createService: (schema: object) => unknown; readonly start: () => Promise<void> }

async function nest(): Promise<number> {
  await load('reflect-metadata')
  const { Controller, Module } = (await load('@nestjs/common')) as NestCommon
  const { NestFactory } = (await load('@nestjs/core')) as NestCore
  const { MessagePattern, Transport } = (await load('@nestjs/microservices')) as NestMicroservices
  class OrdersController {
    place(input: Order): Promise<unknown> {
      return place(input)
    }
  }
  class App {}
  const { prototype } = OrdersController
  MessagePattern('orders.place')(prototype, 'place', Object.getOwnPropertyDescriptor(prototype, 'place')!)
  Controller()(OrdersController)
  Module({ controllers: [OrdersController] })(App)
  const port = await freePort()
  const app = await NestFactory.createMicroservice(App, {
    transport: Transport.TCP,
    options: { host: '127.0.0.1', port },
    logger: false,
  })
  await app.listen()
  return port
}

type NestCommon = {
  readonly Controller: () => (target: unknown) => void
  readonly Module: (options: object) => (target: unknown) => void
}
type NestCore = {
  readonly NestFactory: { createMicroservice(module: unknown, options: object): Promise<{ listen(): Promise<unknown> }> }
}
type NestMicroservices = {
  readonly MessagePattern: (name: string) => (target: unknown, key: string, descriptor: PropertyDescriptor) => void
  readonly Transport: { readonly TCP: unknown }
}

async function grpc(): Promise<number> {
  const library = (await load('@grpc/grpc-js')) as Grpc
  const { loadSync } = (await load('@grpc/proto-loader')) as { loadSync: (path: string) => unknown }
  const { bench } = library.loadPackageDefinition(loadSync(join(import.meta.dirname, 'order.proto')))
  const server = new library.Server()
  server.addService(bench.Orders.service, {
    place: ({ request }: { request: Order }, answer: (error: unknown, value: unknown) => void) =>
      void place(request).then((value) => answer(null, value)),
    watch: async (call: GrpcStream) => {
      for await (const value of watch(call.request))
        if (!call.write(value)) await new Promise<void>((resolve) => void call.once('drain', resolve))
      call.end()
    },
  })
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', library.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    )
  })
}

type GrpcStream = {
  readonly request: { count: number }
  write(value: unknown): boolean
  once(event: 'drain', told: () => void): void
  end(): void
}
type Grpc = {
  readonly loadPackageDefinition: (definition: unknown) => { readonly bench: { readonly Orders: { readonly service: object } } }
  readonly Server: new () => {
    addService(service: object, handlers: object): void
    bindAsync(address: string, credentials: unknown, done: (error: Error | null, port: number) => void): void
  }
  readonly ServerCredentials: { readonly createInsecure: () => unknown }
}

async function effect(path: string): Promise<string> {
  const { serveEffect } = (await load(join(import.meta.dirname, 'effect.js'))) as EffectPeer
  await serveEffect(path, place)
  return path
}

type EffectPeer = {
  readonly serveEffect: (path: string, work: (input: Order) => Promise<unknown>) => Promise<unknown>
}

const [kind, argument = ''] = process.argv.slice(2)
const roles: Readonly<Record<string, () => Promise<unknown>>> = {
  tcp: () => dure({ kind: 'tcp', host: '127.0.0.1', port: 0 }, argument),
  unix: () => dure({ kind: 'unix', path: join(argument, 'orders.sock') }, argument),
  bare,
  moleculer: () => moleculer(Number(argument)),
  nest,
  grpc,
  effect: () => effect(argument),
}
const where = await roles[kind!]!()
if (parentPort === null) process.send!(where)
else parentPort.postMessage(where, [])
process.on('disconnect', () => process.exit())
