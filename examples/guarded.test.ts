import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'

/** What the provider does with the request of this number for a path. */
let answer: (path: string, number: number, response: ServerResponse) => void
const asked = new Map<string, number>()
const provider = createServer((request, response) => {
  const path = request.url!
  asked.set(path, (asked.get(path) ?? 0) + 1)
  answer(path, asked.get(path)!, response)
})
let url: string
let end: () => Promise<void>

before(async () => {
  provider.listen(0, '127.0.0.1')
  await once(provider, 'listening')
  const PROVIDER_URL = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`
  const child = spawn(process.execPath, ['--conditions=dure-source', join(import.meta.dirname, 'express/parts/guarded.ts')], {
    env: { ...process.env, PROVIDER_URL, PORT: '0', NODE_TEST_CONTEXT: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  end = async () => {
    child.kill('SIGKILL')
    await exited
  }
  const errors = text(child.stderr)
  for await (const line of createInterface({ input: child.stdout })) {
    url = /http:\/\/\S+/.exec(line)?.[0] ?? ''
    if (url !== '') return
  }
  throw new Error(`The application ended before it listened: ${await errors}`)
})
after(async () => {
  await end()
  provider.closeAllConnections()
  provider.close()
})

const get = async (path: string): Promise<string> => {
  const response = await fetch(`${url}${path}`)
  return `${response.status} ${await response.text()}`
}
const say = (response: ServerResponse, status: number, words = ''): void => void response.writeHead(status).end(words)

test('a breaker alone, in an Express application', async () => {
  answer = (_path, _number, response) => say(response, 500)
  for (let i = 0; i < 3; i++) assert.equal(await get('/breaker/a'), '503 The provider said 500')
  assert.match(await get('/breaker/a'), /^503 Call of "provider" was not made, as its breaker is open/)
  assert.equal(asked.get('/a'), 3)
  assert.match(await get('/state'), /"state":"OPEN"/)
})

test('fallback, retry, and both with a time limit', async () => {
  answer = (_path, number, response) => say(response, number < 3 ? 500 : 200, 'well')
  assert.equal(await get('/fallback/b'), '200 something else')
  assert.equal(await get('/retry/c'), '200 well')
  assert.equal(asked.get('/c'), 3)
  answer = (_path, _number, response) => say(response, 500)
  assert.equal(await get('/all/d'), '200 something else')
})

test('a time limit ends the request', async () => {
  const closed = Promise.withResolvers<void>()
  answer = (_path, _number, response) => void response.on('close', () => closed.resolve())
  assert.equal(await get('/timeout/e'), '503 Call of "provider" was not answered within 200 ms')
  await closed.promise
})

test('a bulkhead, a limit and a rate limit refuse what is too much', async () => {
  const open: ServerResponse[] = []
  answer = (_path, _number, response) => void open.push(response)
  for (const name of ['bulkhead', 'limit']) {
    const first = get(`/${name}/f`)
    while (open.length === 0) await new Promise((resolve) => void setTimeout(resolve, 2))
    assert.match(
      await get(`/${name}/f`),
      name === 'limit' ? /^503 Call of "provider" was not made/ : /^503 No place at "provider"/,
    )
    say(open.pop()!, 200, 'well')
    assert.equal(await first, '200 well')
  }
  answer = (_path, _number, response) => say(response, 200, 'well')
  assert.deepEqual([await get('/rateLimit/g'), await get('/rateLimit/g')], ['200 well', '200 well'])
  assert.match(await get('/rateLimit/g'), /its rate limit is reached/)
})

test('a late request is made once more, equal ones are one, and an old answer stands in', async () => {
  answer = (_path, number, response) => void (number > 1 && say(response, 200, 'second'))
  assert.equal(await get('/hedge/h'), '200 second')
  const open: ServerResponse[] = []
  answer = (_path, _number, response) => void open.push(response)
  const calls = Promise.all([1, 2, 3].map(() => get('/collapse/i')))
  while (open.length === 0) await new Promise((resolve) => void setTimeout(resolve, 2))
  // Whoever comes too late to share it is answered as well.
  answer = (_path, _number, response) => say(response, 200, 'well')
  for (const response of open) say(response, 200, 'well')
  assert.deepEqual(await calls, Array(3).fill('200 well'))
  answer = (_path, number, response) => say(response, number === 1 ? 200 : 500, 'first')
  assert.deepEqual([await get('/cache/j'), await get('/cache/j')], ['200 first', '200 first'])
  assert.equal(asked.get('/j'), 2)
})
