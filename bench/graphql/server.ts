/** `server.ts KIND`: the same query behind our door, behind GraphQL Yoga, and behind Mercurius with and without its compiler. Tells its port. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { graphql, graphqlDocument } from '@dure/graphql'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { find, Orders } from './orders.ts'

/** Peers' types are not known here on purpose: the tree is checked where they are not installed. */
const load = async (name: string): Promise<never> => (await import(name)) as never
const typeDefs = graphqlDocument([Orders])
const resolvers = { Query: { ordersFind: (_: unknown, input: { readonly id: string }) => find(input) } }

const kinds: Readonly<Record<string, () => Promise<number>>> = {
  ...{ dure, yoga, mercurius: () => mercurius(0), mercurius_jit: () => mercurius(1) },
}
process.send!(await kinds[process.argv[2]!]!())

async function dure(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-graphql-'))
  const orders = service(Orders, { handlers: { find } })
  const running = await start(system('bench', { services: [orders], doors: [graphql({ port: 0 })], security: 'off' }), {
    directory,
    log: silentLogger(),
  })
  process.once('disconnect', () => {
    rmSync(directory, { recursive: true, force: true })
    process.exit()
  })
  return Number(new URL(running.doors[0]!.url!).port)
}

type Yoga = {
  createSchema(options: object): unknown
  createYoga(options: object): Parameters<typeof createServer>[1]
}

async function yoga(): Promise<number> {
  const { createSchema, createYoga } = (await load('graphql-yoga')) as Yoga
  const server = createServer(createYoga({ schema: createSchema({ typeDefs, resolvers }), logging: false, graphiql: false })!)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  process.once('disconnect', () => process.exit())
  return (server.address() as AddressInfo).port
}

type Fastify = () => {
  register(plugin: unknown, options: object): unknown
  listen(where: object): Promise<string>
}

async function mercurius(jit: number): Promise<number> {
  const { fastify } = (await load('fastify')) as { readonly fastify: Fastify }
  const { default: plugin } = (await load('mercurius')) as { readonly default: unknown }
  const app = fastify()
  app.register(plugin, { schema: typeDefs, resolvers, jit })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  process.once('disconnect', () => process.exit())
  return Number(new URL(url).port)
}
