import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { realRuntime } from './runtime.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

async function serve(t: TestContext, answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((_, response) => answer(response)).listen(0, '127.0.0.1')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const garbage = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    collect()
  }
}

test('a request is broken off by its signal, though nobody else has the request', { timeout: 20_000 }, async (t) => {
  const { promise: asked, resolve } = Promise.withResolvers<void>()
  const url = await serve(t, () => resolve())
  const { fetch } = realRuntime()
  const abort = new AbortController()
  const answer = fetch!(new Request(url, { signal: AbortSignal.any([abort.signal, AbortSignal.timeout(60_000)]) }))
  await asked
  await garbage()
  abort.abort()
  await assert.rejects(answer, { name: 'AbortError' })
})

test('so is the body of its answer, though nobody has the answer', { timeout: 20_000 }, async (t) => {
  const url = await serve(t, (response) => response.write('begun'))
  const { fetch } = realRuntime()
  const abort = new AbortController()
  const { body } = await fetch!(new Request(url, { signal: abort.signal }))
  const reader = body!.getReader()
  await reader.read()
  const rest = reader.read()
  await garbage()
  abort.abort()
  await assert.rejects(rest, { name: 'AbortError' })
})
