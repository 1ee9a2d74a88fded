import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import { missingServer, type LocalServer } from '@dure/testing/servers'
import { inBase64 } from './address.ts'
import { ask, ids, open, orders, put, started, until } from './etcd.test-support.ts'

/** Stands before an etcd; `before` is asked before each request is passed on. */
async function standing(t: TestContext, port: number, before: (path: string) => Promise<void>): Promise<string> {
  const pass = async (asked: IncomingMessage, answer: ServerResponse): Promise<void> => {
    await before(asked.url!)
    const onward = request({ port, host: '127.0.0.1', path: asked.url, method: 'POST', headers: asked.headers }, (from) => {
      answer.writeHead(from.statusCode!)
      from.pipe(answer)
    })
    answer.once('close', () => onward.destroy())
    onward.once('error', () => answer.destroy())
    asked.pipe(onward)
  }
  const server = createServer((asked, answer) => void pass(asked, answer))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `etcd://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Everything before the present revision is taken away. */
async function compact({ port }: LocalServer): Promise<void> {
  const { header } = (await put(port, 'other', '')) as { readonly header: { readonly revision: string } }
  assert.deepEqual(Object.keys(await ask(port, 'kv/compaction', { revision: header.revision })), ['header'])
}

describe('etcd that compacts', { skip: missingServer('etcd') }, () => {
  test('between list and watch: it is listed anew, no change is lost and no ghost stays', async (t) => {
    const server = await started(t)
    const { port } = server
    await put(port, 'dure/orders/ghost', JSON.stringify(orders('ghost')))
    await put(port, 'dure/orders/stays', JSON.stringify(orders('stays')))
    let watches = 0
    const url = await standing(t, port, async (path) => {
      if (path !== '/v3/watch' || watches++ > 0) return
      await put(port, 'dure/orders/new', JSON.stringify(orders('new')))
      await put(port, 'dure/orders/stays', JSON.stringify(orders('stays', { status: 'draining' })))
      await ask(port, 'kv/deleterange', { key: inBase64('dure/orders/ghost') })
      await compact(server)
    })
    const there = await open(t, url)
    await until('it is as in etcd', () => ids(there) === 'new,stays')
    // It is listed before it is watched again.
    await until('it watches again', () => watches === 2)
    assert.equal(there.instances('orders').find(({ id }) => id === 'stays')?.status, 'draining')
    await put(port, 'dure/orders/later', JSON.stringify(orders('later')))
    await until('it goes on', () => ids(there) === 'later,new,stays')
    assert.equal(there.freshness().fresh, true)
  })

  test('between two pages of a list: it is begun anew', async (t) => {
    const server = await started(t)
    const { port } = server
    const all = Array.from({ length: 600 }, (_, at) => `i${String(at).padStart(3, '0')}`)
    await writeMany(port, all)
    let lists = 0
    const url = await standing(t, port, async (path) => {
      if (path !== '/v3/kv/range' || ++lists !== 2) return
      await ask(port, 'kv/deleterange', { key: inBase64('dure/orders/i000') })
      await compact(server)
    })
    const there = await open(t, url)
    assert.equal(ids(there), all.slice(1).join())
  })

  test('ten thousand instances are listed, and a change of one is heard', async (t) => {
    const server = await started(t)
    const all = Array.from({ length: 10_000 }, (_, at) => `i${String(at).padStart(4, '0')}`)
    await writeMany(server.port, all)
    const there = await open(t, server.url)
    assert.equal(ids(there), all.join())
    await ask(server.port, 'kv/deleterange', { key: inBase64('dure/orders/i5000') })
    await until('it is heard', () => there.instances('orders').length === 9_999)
  })
})

/** As many as etcd takes in one transaction. */
async function writeMany(port: number, many: readonly string[]): Promise<void> {
  for (let at = 0; at < many.length; at += 100) {
    const success = many.slice(at, at + 100).map((id) => ({
      request_put: { key: inBase64(`dure/orders/${id}`), value: inBase64(JSON.stringify(orders(id))) },
    }))
    assert.equal((await ask(port, 'kv/txn', { success }))['succeeded'], true)
  }
}
