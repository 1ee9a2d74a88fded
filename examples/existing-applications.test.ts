import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { after, before, describe, test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startServer, type LocalServer } from '@dure/postgres/server'
import { Pool } from 'pg'

const here = import.meta.dirname
type Which = 'before' | 'after'
/** Where the programs are that run; Nest's are compiled. */
const frameworks: readonly { readonly name: string; readonly source: string; readonly runs: (which: Which) => string }[] = [
  ...['express', 'fastify'].map((name) => ({ name, source: name, runs: (which: Which) => join(here, name, `${which}.ts`) })),
  { name: 'nest', source: 'nest/src', runs: (which) => join(here, 'nest/.data/compiled', `${which}.js`) },
]

let server: LocalServer
before(async () => {
  const compiler = spawn(process.execPath, [join(here, '../node_modules/typescript/bin/tsc'), '-p', join(here, 'nest')])
  const [said, [code]] = await Promise.all([text(compiler.stdout), once(compiler, 'exit')])
  assert.equal(code, 0, said)
  server = await startServer({ settings: { fsync: 'off' } })
})
after(() => server.close())

/** The provider and the other application, which answer as told. */
async function neighbours(
  t: TestContext,
  answers: {
    readonly rate: (response: ServerResponse) => void
    readonly event: (body: string, response: ServerResponse) => Promise<void>
  },
): Promise<string> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request)
    if (request.url === '/events') await answers.event(body, response)
    else answers.rate(response)
  }
  const http = createServer((request, response) => void answer(request, response).catch(() => response.destroy()))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  t.after(() => {
    http.closeAllConnections()
    http.close()
  })
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}

type Application = { readonly url: string; readonly kill: () => Promise<void>; readonly stop: () => Promise<void> }

/** The application in a process of its own. */
async function run(t: TestContext, program: string, env: Readonly<Record<string, string>>): Promise<Application> {
  const child: ChildProcess = spawn(process.execPath, ['--conditions=dure-source', program], {
    env: { ...process.env, ...env, PORT: '0', NODE_TEST_CONTEXT: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal)
    await exited
  }
  t.after(() => end('SIGKILL'))
  const errors = text(child.stderr!)
  for await (const line of createInterface({ input: child.stdout! })) {
    const url = /http:\/\/\S+/.exec(line)?.[0].replace('[::1]', 'localhost')
    if (url !== undefined) {
      child.stdout!.resume()
      return { url, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') }
    }
  }
  throw new Error(`${program} ended before it listened: ${await errors}`)
}

const post = (url: string, body: string): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
const ORDER = JSON.stringify({ sku: 'tea', price: 5, currency: 'KRW' })

async function database(t: TestContext, name: string): Promise<{ readonly url: string; readonly pool: Pool }> {
  const all = new Pool({ connectionString: server.url() })
  await all.query(`CREATE DATABASE ${name}`)
  await all.end()
  const url = server.url(name)
  const pool = new Pool({ connectionString: url })
  t.after(() => pool.end())
  return { url, pool }
}

const count = async (pool: Pool, table: string): Promise<number> =>
  Number((await pool.query(`SELECT count(*) FROM ${table}`)).rows[0].count)

describe('applications that were there before Dure', { concurrency: true }, () => {
  for (const { name, source, runs } of frameworks) {
    test(`${name}, as it was: an order is lost to its provider, and another's event to a kill`, async (t) => {
      const { url, pool } = await database(t, `${name}_before`)
      let rates = 0
      let arrivals = 0
      const around = await neighbours(t, {
        rate: (response) => void response.writeHead(++rates === 1 ? 503 : 200).end('2'),
        event: async (_, response) => {
          if (++arrivals > 1) return void response.writeHead(204).end()
          await application.kill()
          response.destroy()
        },
      })
      const env = { DATABASE_URL: url, RATES_URL: `${around}/rates`, EVENTS_URL: `${around}/events` }
      const application = await run(t, runs('before'), env)
      assert.equal((await post(`${application.url}/orders`, ORDER)).status, 500)
      await assert.rejects(post(`${application.url}/orders`, ORDER))

      const again = await run(t, runs('before'), env)
      assert.equal((await post(`${again.url}/orders`, ORDER)).status, 201)
      assert.equal(await count(pool, 'orders'), 2)
      assert.equal(arrivals, 2, 'nobody hears of the first one any more')
      await again.stop()
    })

    test(`${name}, as it is: killed between commit and delivery, and between effect and acknowledgement, the effect happens once`, async (t) => {
      const { url, pool } = await database(t, `${name}_after`)
      let rates = 0
      let arrivals = 0
      let current: Promise<Application>
      const answered = Promise.withResolvers<void>()
      const restarted = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const
      const around = await neighbours(t, {
        // Away, broken off, then well.
        rate: (response) => {
          rates++
          if (rates === 1) response.writeHead(503).end()
          else if (rates === 2) response.destroy()
          else response.end('2')
        },
        event: async (body, response) => {
          const nth = ++arrivals
          await answered.promise
          const application = await current
          if (nth > 1) assert.equal((await post(`${application.url}/events`, body)).status, 204)
          if (nth > 2) return void response.writeHead(204).end()
          await application.kill()
          restarted[nth - 1]!.resolve()
          response.destroy()
        },
      })
      const env = { DATABASE_URL: url, RATES_URL: `${around}/rates`, EVENTS_URL: `${around}/events` }
      current = run(t, runs('after'), env)
      const response = await post(`${(await current).url}/orders`, ORDER)
      assert.deepEqual([response.status, rates], [201, 3])
      answered.resolve()
      for (const { promise } of restarted) {
        await promise
        current = run(t, runs('after'), env)
        await current
      }
      while ((await count(pool, 'dure_outbox')) > 0) await pause(20)
      assert.equal(arrivals, 3)
      const { id, euros } = (await response.json()) as { id: string; euros: number }
      assert.equal(euros, 10)
      assert.deepEqual((await pool.query('SELECT id FROM orders')).rows, [{ id }])
      assert.deepEqual((await pool.query('SELECT order_id FROM letters')).rows, [{ order_id: id }])
      await (await current).stop()
    })

    test(`${name}: under 20 lines of change, and README shows them`, () => {
      const read = (file: string): string => readFileSync(join(here, file), 'utf8')
      const diff = /^```diff\n(.*?)^```$/ms
        .exec(read(`${name}/README.md`))![1]!
        .split('\n')
        .slice(0, -1)
      const without = (mark: string): string => diff.flatMap((line) => (line[0] === mark ? [] : [line.slice(1)])).join('\n')
      assert.equal(`${without('+')}\n`, read(`${source}/before.ts`))
      assert.equal(`${without('-')}\n`, read(`${source}/after.ts`))
      const added = diff.filter((line) => /^\+\s*\S/.test(line)).length
      assert.ok(added > 0 && added < 20, `${added} lines are new or other`)
    })
  }
})
