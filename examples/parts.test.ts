import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { after, before, describe, test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startServer, type LocalServer } from '@dure/postgres/server'
import { Pool } from 'pg'

const parts = join(import.meta.dirname, 'express/parts')

let server: LocalServer
before(async () => {
  server = await startServer({ settings: { fsync: 'off' } })
})
after(() => server.close())

type Application = { readonly url: string; readonly kill: () => Promise<void> }

/** A database, a payment provider that answers as told, and the application beside them, as often as it is started. */
async function place(t: TestContext, name: string, payment: (response: ServerResponse) => void) {
  const all = new Pool({ connectionString: server.url() })
  await all.query(`CREATE DATABASE ${name}`)
  await all.end()
  const folder = mkdtempSync(join(tmpdir(), 'dure-parts-'))
  const pool = new Pool({ connectionString: server.url(name) })
  const asked: string[] = []
  const provider = createServer((request, response) => {
    asked.push(request.url!)
    payment(response)
  })
  provider.listen(0, '127.0.0.1')
  await once(provider, 'listening')
  t.after(async () => {
    provider.closeAllConnections()
    provider.close()
    await pool.end()
    rmSync(folder, { recursive: true, force: true })
  })
  const start = async (): Promise<Application> => {
    const PAYMENTS_URL = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`
    const child = spawn(process.execPath, ['--conditions=dure-source', join(parts, `${name}.ts`)], {
      cwd: folder,
      env: { ...process.env, DATABASE_URL: server.url(name), PAYMENTS_URL, PORT: '0', NODE_TEST_CONTEXT: undefined },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const exited = once(child, 'exit')
    const kill = async (): Promise<void> => {
      child.kill('SIGKILL')
      await exited
    }
    t.after(kill)
    const errors = text(child.stderr)
    for await (const line of createInterface({ input: child.stdout })) {
      const url = /http:\/\/\S+/.exec(line)?.[0].replace('[::1]', 'localhost')
      if (url !== undefined) return { url, kill }
    }
    throw new Error(`${name} ended before it listened: ${await errors}`)
  }
  const rows = async <T>(sql: string): Promise<readonly T[]> => (await pool.query(sql)).rows as T[]
  return { start, rows, asked }
}

const order = (url: string, id: string): Promise<Response> =>
  fetch(`${url}/orders`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify({ id, sku: 'tea' }),
  })
const json = async (url: string): Promise<unknown> => (await fetch(url)).json()
const paid = (response: ServerResponse): void => void response.end('paid')

describe('parts of Dure in an Express application with a pool of pg', { concurrency: true }, () => {
  test('as it was: killed while it pays, the order stays as it is for ever', async (t) => {
    const { start, rows, asked } = await place(t, 'bare', () => {})
    const application = await start()
    const answered = order(application.url, 'a').catch((error: unknown) => error)
    while (asked.length === 0) await pause(10)
    await application.kill()
    assert.ok((await answered) instanceof Error)
    await start()
    assert.deepEqual([await rows('SELECT state FROM orders'), asked.length], [[{ state: 'new' }], 1])
  })

  test('a saga: killed while it pays, it goes on after the restart', async (t) => {
    let away = true
    const { start, rows, asked } = await place(t, 'saga', (response) => void (away || paid(response)))
    const application = await start()
    assert.equal((await order(application.url, 'a')).status, 201)
    assert.equal((await order(application.url, 'a')).status, 500, 'an order that is there begins nothing')
    while (asked.length === 0) await pause(10)
    await application.kill()
    away = false
    await start()
    while ((await rows<{ state: string }>('SELECT state FROM dure_sagas'))[0]?.state !== 'completed') await pause(20)
    assert.deepEqual(await rows('SELECT state FROM orders'), [{ state: 'paid' }])
    assert.deepEqual(asked, ['/a', '/a'])
  })

  test('an event store: what happened commits with the rows of the application, and is there after a kill', async (t) => {
    const { start, rows } = await place(t, 'events', paid)
    const application = await start()
    assert.equal((await order(application.url, 'a')).status, 201)
    assert.equal((await order(application.url, 'a')).status, 500)
    await application.kill()
    const { url } = await start()
    assert.deepEqual(await json(`${url}/orders/a/events`), { state: ['tea'], version: 1 })
    assert.deepEqual(await rows('SELECT id FROM orders'), [{ id: 'a' }])
  })

  test('a read model: killed in its midst, it takes each event once', async (t) => {
    const { start } = await place(t, 'model', paid)
    const application = await start()
    for (const id of ['a', 'b']) assert.equal((await order(application.url, id)).status, 201)
    assert.equal((await order(application.url, 'b')).status, 500)
    await application.kill()
    const { url } = await start()
    assert.equal((await order(url, 'c')).status, 201)
    const sales = async () => (await json(`${url}/sales`)) as readonly { readonly id: string }[]
    while ((await sales()).length < 3) await pause(20)
    assert.deepEqual((await sales()).map(({ id }) => id).toSorted(), ['a', 'b', 'c'])
  })

  for (const name of ['saga', 'events', 'model']) {
    test(`${name}: under 20 lines`, () => {
      const linesOf = (file: string): readonly string[] => readFileSync(join(parts, `${file}.ts`), 'utf8').split('\n')
      const left = [...linesOf('bare')]
      const added = linesOf(name).filter((line) => {
        const at = left.indexOf(line)
        if (at >= 0) left.splice(at, 1)
        return at < 0 && line.trim() !== ''
      }).length
      assert.ok(added > 0 && added < 20, `${added} lines are new or other`)
    })
  }
})
