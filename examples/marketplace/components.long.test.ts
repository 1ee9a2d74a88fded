/**
 * The same three services, by the same tests: on what is embedded, and on a real store and a real broker; in this process, in one of their own, and in their
 * images, whose names `npm run peers -- component` tells.
 */
import { postgres } from '@dure/postgres'
import { startServer } from '@dure/postgres/server'
import { container, ownProcess, type TestSystemOptions } from '@dure/testing'
import { missingServer, startLocalServer } from '@dure/testing/servers'
import { test, type TestContext } from 'node:test'
import { addressOf, BROKER, brokerOf } from './brokers.ts'
import { components, type Ground } from './components.test-support.ts'
import { DATABASE } from './databases.ts'

type Name = keyof typeof components
type Env = Readonly<Record<string, string>>

/** An image's name without its tag, which is that of the service; and the program that runs it, with its first words. */
const { COMPONENT_IMAGE: image, COMPONENT_ENGINE: engine = 'podman' } = process.env
const kinds = { order: 'nats', stock: 'redis', payment: 'redis' } as const

const elsewhere: Readonly<Record<string, (name: Name, env: Env) => TestSystemOptions>> =
  image === undefined
    ? { 'in a process of its own': (_, env) => ({ in: ownProcess({ file: new URL('system.ts', import.meta.url), env }) }) }
    : { 'in its image': (name, env) => ({ in: container({ image: `${image}:${name}`, env, engine: engine.split(' ') }) }) }

/** A database and a broker for this test. */
async function servers(t: TestContext, name: Name): Promise<{ readonly here: TestSystemOptions; readonly env: Env }> {
  const [database, server] = await Promise.all([startServer({ settings: { fsync: 'off' } }), startLocalServer(kinds[name])])
  t.after(() => Promise.all([database.close(), server.close()]))
  const url = addressOf(kinds[name], server.ports)
  const broker = await brokerOf({ broker: url, durability: 'process', replicas: undefined }, undefined)
  const env = { [DATABASE]: database.url(), [BROKER]: url }
  return { here: { database: postgres({ url: database.url() }), broker }, env }
}

for (const name of Object.keys(components) as readonly Name[]) {
  const run = (what: string, ground: (t: TestContext) => Promise<Ground>, skip: string | false = false): void =>
    void test(`${name} ${what}`, { timeout: 240_000, skip }, async (t) => components[name](await ground(t)))
  const missing = missingServer(kinds[name])
  const real = `on PostgreSQL and ${kinds[name]}`
  if (image === undefined)
    run(
      `in this process, ${real}`,
      async (t) => {
        const { here } = await servers(t, name)
        return () => here
      },
      missing,
    )
  for (const [where, place] of Object.entries(elsewhere)) {
    run(where, async () => (env) => place(name, env))
    run(
      `${where}, ${real}`,
      async (t) => {
        const { here, env } = await servers(t, name)
        return (own) => ({ broker: here.broker!, ...place(name, { ...env, ...own }) })
      },
      missing,
    )
  }
}
