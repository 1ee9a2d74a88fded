import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { createServer as createHttpServer } from 'node:http'
import { test, type TestContext } from 'node:test'
import { listed, said, started, until } from './registry.test-support.ts'

async function asked(t: TestContext, host: string, status: () => number) {
  let times = 0
  const server = createHttpServer((_request, response) => {
    times++
    response.writeHead(status()).end()
  }).listen(0, host)
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://${host}:${(server.address() as AddressInfo).port}/health`, times: () => times }
}

test('an instance whose health is bad is down until it is well again; who says nothing of it, or names somebody else, is not asked', async (t) => {
  const { ask } = await started(t, { health: { interval: 20, timeout: 200, failures: 2 } })
  let status = 200
  const own = await asked(t, '127.0.0.1', () => status)
  const other = await asked(t, '127.0.0.2', () => 500)
  // Takes connections and answers nothing.
  const frozen = createServer().listen(0, '127.0.0.1')
  await once(frozen, 'listening')
  t.after(() => frozen.close())
  const post = (id: string, healthCheckUrl?: string) => ask('POST /apps/ORDER', said('ORDER', id, { healthCheckUrl }))
  await post('asked', own.url)
  await post('silent')
  await post('other', other.url)
  await post('nonsense', 'health')
  const now = async (): Promise<string> =>
    listed(await ask('GET /apps'))
      .instances.toSorted()
      .join()
  const rest = 'ORDER/nonsense UP,ORDER/other UP,ORDER/silent UP'
  await until('it was asked', () => own.times() > 2)
  assert.equal(await now(), `ORDER/asked UP,${rest}`)
  status = 503
  await until('it is down', async () => (await now()) === `ORDER/asked DOWN,${rest}`)
  // It is alive, and says so: that does not make it well.
  assert.equal((await ask('PUT /apps/ORDER/asked?status=UP&lastDirtyTimestamp=1000')).status, 200)
  assert.equal(await now(), `ORDER/asked DOWN,${rest}`)
  status = 404
  await until('it is well', async () => (await now()) === `ORDER/asked UP,${rest}`)
  await post('frozen', `http://127.0.0.1:${(frozen.address() as AddressInfo).port}/`)
  await until('the frozen one is down', async () => (await now()).includes('ORDER/frozen DOWN'))
  assert.equal(other.times(), 0)
})
