import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { seededRandom } from 'dure/runtime'
import { beginVisits } from './visitors.ts'

test('visitors count each call once, and what breaks under one as failed', async () => {
  const sockets = new Set<unknown>()
  let [asked, broken] = [0, 0]
  let enough = (): void => {}
  const server = createServer((request, response) => {
    asked++
    if (asked > 60) enough()
    sockets.add(request.socket)
    if (asked % 5 === 0) {
      broken++
      request.socket.destroy()
    } else if (asked % 5 === 1) {
      broken++
      response.writeHead(503).end()
    } else response.end('{}')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const heard = new Promise<void>((resolve) => (enough = resolve))
  const visits = beginVisits({ url, paths: ['/a', '/b'], random: seededRandom(1) })
  await heard
  const { fresh, slow } = await visits.end()
  assert.equal(fresh.requests + slow.requests, asked)
  assert.equal(fresh.failed + slow.failed, broken)
  assert.ok(fresh.requests > 0 && slow.requests > 0)
  // A fresh visitor never comes twice on one connection.
  assert.ok(sockets.size >= fresh.requests)
  server.close()
  await once(server, 'close')
})
