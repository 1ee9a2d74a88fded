import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { rest } from '@dure/rest'
import { command, contract, query, stream } from 'dure/contract'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import fc from 'fast-check'
import { EventSource } from 'undici'
import { z } from 'zod'
import { until } from './bytes.test-support.ts'
import { before, serving, started } from './gateway.test-support.ts'

const run = promisify(execFile)

/** Every byte there is, and text that has to stay what it is. */
const BINARY = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7) % 256))
const TEXT = 'Plain text, 두레, \u{1f33e}\r\n\tand a line\n'
const ETAG = '"v1"'

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const body = Buffer.concat(parts)
  const { 'content-type': type = '', 'content-encoding': coding } = request.headers
  response.writeHead(201, {
    'content-type': type,
    'x-method': request.method,
    ...(coding !== undefined && { 'content-encoding': coding }),
  })
  response.end(body)
}

const PAGES: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
  '/text': (_, response) => void response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(TEXT),
  '/binary': ({ headers }, response) => {
    const range = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '')
    if (range === null) return void response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(BINARY)
    const [from, to] = [Number(range[1]), Number(range[2])]
    response.writeHead(206, {
      'content-range': `bytes ${from}-${to}/${BINARY.length}`,
      'content-type': 'application/octet-stream',
    })
    return void response.end(BINARY.subarray(from, to + 1))
  },
  '/squeezed': (_, response) =>
    void response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/plain' }).end(gzipSync(TEXT)),
  '/cached': ({ headers }, response) => {
    if (headers['if-none-match'] === ETAG) return void response.writeHead(304, { etag: ETAG }).end()
    return void response.writeHead(200, { etag: ETAG, 'cache-control': 'max-age=60' }).end(TEXT)
  },
}

test('text, binary, ranges, codings and validators pass unchanged, for fetch and for curl', async (t) => {
  const server = await serving(t, (request, response) => {
    const page = PAGES[request.url!]
    if (page === undefined) void echo(request, response)
    else page(request, response)
  })
  const { url } = await started(t, { routes: before(server.address) })
  const direct = `http://${server.address}`
  /** What a client gets, but for what belongs to its connection or was put in. */
  const got = async (at: string, path: string, headers: Record<string, string> = {}) => {
    const { stdout } = await run(
      'curl',
      ['-s', '-i', ...Object.entries(headers).flatMap(([n, v]) => ['-H', `${n}: ${v}`]), at + path],
      {
        encoding: 'buffer',
        maxBuffer: 1e7,
      },
    )
    const end = stdout.indexOf('\r\n\r\n')
    const own = /^(?:date|connection|keep-alive|x-correlation-id|via|traceparent):/i
    const head = stdout
      .subarray(0, end)
      .toString('latin1')
      .split('\r\n')
      .filter((line) => !own.test(line))
    return {
      head: head.toSorted(),
      body: createHash('sha256')
        .update(stdout.subarray(end + 4))
        .digest('hex'),
    }
  }
  for (const [path, headers] of [
    ['/text'],
    ['/binary'],
    ['/binary', { range: 'bytes=100-65000' }],
    ['/squeezed', { 'accept-encoding': 'gzip' }],
    ['/cached'],
    ['/cached', { 'if-none-match': ETAG }],
  ] as const) {
    assert.deepEqual(await got(url, path, headers), await got(direct, path, headers), path)
    const [through, beside] = await Promise.all([url, direct].map((at) => fetch(at + path, { headers: { ...headers } })))
    assert.equal(through!.status, beside!.status)
    assert.deepEqual(await through!.arrayBuffer(), await beside!.arrayBuffer())
  }
  const echoed = (method: string, type: string, body: Uint8Array<ArrayBuffer>): Promise<Response> =>
    fetch(`${url}/echo`, { method, body, headers: { 'content-type': type } })
  const bodies = fc.record({
    body: fc.uint8Array({ maxLength: 3_000, size: 'max' }),
    type: fc.constantFrom('application/json', 'text/plain; charset=utf-8', 'application/octet-stream', 'application/x-protobuf'),
    method: fc.constantFrom('POST', 'PUT', 'PATCH'),
  })
  await fc.assert(
    fc.asyncProperty(bodies, async ({ body, type, method }) => {
      const answer = await echoed(method, type, Uint8Array.from(body))
      assert.deepEqual([answer.status, answer.headers.get('x-method'), answer.headers.get('content-type')], [201, method, type])
      assert.ok(Buffer.from(await answer.arrayBuffer()).equals(Buffer.from(body)))
    }),
    { numRuns: 60 },
  )
})

test('an EventSource gets each event when it is sent, and continues where it was when the service ends the stream', async (t) => {
  const told: ((text: string) => void)[] = []
  const since: (string | undefined)[] = []
  const server = await serving(t, (request, response) => {
    since.push(request.headers['last-event-id'] as string | undefined)
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.flushHeaders()
    told.push((text) => (text === '' ? response.end() : response.write(text)))
  })
  const { url } = await started(t, { routes: before(server.address) })
  const events = new EventSource(`${url}/events`)
  t.after(() => events.close())
  const got: unknown[] = []
  for (const kind of ['message', 'price'])
    events.addEventListener(kind, (event) => {
      const { data, lastEventId } = event as MessageEvent
      got.push([kind, data, lastEventId])
    })
  await until(() => told.length === 1)
  // Each is sent when the one before has arrived: nothing may wait for more.
  for (const [text, count] of [
    ['retry: 20\nid: 1\ndata: first\n\n', 1],
    [': a word between\n\nevent: price\nid: 2\ndata: {"won":\ndata: 1000}\n\n', 2],
    ['id: 3\ndata: 두레 \u{1f33e}\n\n', 3],
  ] as const) {
    told[0]!(text)
    await until(() => got.length === count)
  }
  told[0]!('')
  await until(() => told.length === 2)
  told[1]!('id: 4\ndata: again\n\n')
  await until(() => got.length === 4)
  assert.deepEqual(got, [
    ['message', 'first', '1'],
    ['price', '{"won":\n1000}', '2'],
    ['message', '두레 \u{1f33e}', '3'],
    ['message', 'again', '4'],
  ])
  assert.deepEqual(since, [undefined, '3'])
})

const Counter = contract('counter', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    add: command({ input: z.object({ amount: z.int() }), output: z.object({ sum: z.int() }), http: 'POST /add' }),
    sum: query({ output: z.object({ sum: z.int() }), http: 'GET /sum' }),
    watch: stream({ output: z.object({ sum: z.int() }), http: 'GET /watch' }),
  },
})

/** A counter behind REST, and its sums as they come. */
async function counting(t: TestContext): Promise<string> {
  let sum = 0
  let changed = Promise.withResolvers<void>()
  const counter = service(Counter, {
    handlers: {
      add: ({ amount }) => {
        sum += amount
        changed.resolve()
        changed = Promise.withResolvers()
        return { sum }
      },
      sum: () => ({ sum }),
      async *watch(_input, { signal }) {
        const gone = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
        while (!signal.aborted) {
          const next = changed.promise
          yield { sum }
          await Promise.race([next, gone])
        }
      },
    },
  })
  const directory = mkdtempSync(join(tmpdir(), 'dure-passing-'))
  const running = await start(system('counting', { services: [counter], doors: [rest({ port: 0 })], security: 'off' }), {
    directory,
    log: silentLogger(),
  })
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true })
  })
  return running.doors[0]!.url!
}

/** The next text that matches, of a stream that goes on. */
async function nextOf(reader: ReadableStreamDefaultReader<Uint8Array>, wanted: RegExp): Promise<string> {
  let text = ''
  while (!wanted.test(text)) {
    const { value, done } = await reader.read()
    assert.ok(!done, `It ended after ${text}`)
    text += new TextDecoder().decode(value)
  }
  return text
}

test('a door of Dure is behind it as it is: JSON, problems, a stream of values, and the events of its dashboard', async (t) => {
  const direct = await counting(t)
  const { url } = await started(t, { routes: before(new URL(direct).host) })
  const post = (at: string, body: string) =>
    fetch(`${at}/add`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  const watched = await fetch(`${url}/watch`)
  const reader = watched.body!.getReader()
  assert.match(watched.headers.get('content-type')!, /ndjson/)
  await nextOf(reader, /\{"sum":0\}\n/)
  assert.deepEqual(await (await post(url, '{"amount":2}')).json(), { sum: 2 })
  await nextOf(reader, /\{"sum":2\}\n/)
  assert.deepEqual(await (await post(direct, '{"amount":3}')).json(), { sum: 5 })
  await nextOf(reader, /\{"sum":5\}\n/)
  await reader.cancel()
  for (const bad of ['{"amount":"x"}', '{"amount":1', '{}']) {
    const [through, beside] = await Promise.all([post(url, bad), post(direct, bad)])
    assert.equal(through!.headers.get('content-type'), 'application/problem+json; charset=utf-8')
    assert.deepEqual([through!.status, await through!.text()], [beside!.status, await beside!.text()])
  }
  assert.deepEqual(await (await fetch(`${url}/openapi.json`)).text(), await (await fetch(`${direct}/openapi.json`)).text())
  const dashboard = await fetch(`${url}/hystrix.stream`)
  assert.match(dashboard.headers.get('content-type')!, /^text\/event-stream/)
  const beats = dashboard.body!.getReader()
  await nextOf(beats, /\n\n/)
  await beats.cancel()
})
