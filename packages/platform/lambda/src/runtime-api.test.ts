import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { serveLambda, type LambdaHandler } from './lambda.ts'

type Told = { readonly path: string; readonly body: unknown }

/** A platform that gives these invocations, and then none. */
async function platform(t: TestContext, events: readonly unknown[]) {
  const told: Told[] = []
  const waiting = Promise.withResolvers<void>()
  const left = [...events]
  const next = (response: ServerResponse): void => {
    if (left.length === 0) return waiting.resolve()
    response.setHeader('lambda-runtime-aws-request-id', `r${events.length - left.length + 1}`)
    response.setHeader('lambda-runtime-deadline-ms', String(Date.now() + 60_000))
    response.end(JSON.stringify(left.shift()))
  }
  const server = createServer(async (request, response) => {
    const path = request.url!.replace('/2018-06-01/runtime/', '')
    if (request.method === 'GET') return next(response)
    told.push({ path, body: JSON.parse(await text(request)) })
    response.statusCode = 202
    response.end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  return { api: `127.0.0.1:${(server.address() as AddressInfo).port}`, told, waiting: waiting.promise }
}

/** A handler that answers with this. */
function handlerOf(answer: (event: unknown, ms: number) => unknown, ready: () => Promise<void> = async () => {}) {
  const seen = { stopped: 0 }
  const handler = async (event: unknown, context: Parameters<LambdaHandler>[1]) =>
    answer(event, context.getRemainingTimeInMillis()) as object
  return { seen, handler: Object.assign(handler, { ready, stop: async () => void seen.stopped++ }) as LambdaHandler }
}

test('invocations are answered one after the other, failures told, and SIGTERM ends it between two', async (t) => {
  const { api, told, waiting } = await platform(t, [{ n: 1 }, { n: 2 }, { n: 3 }])
  const { handler, seen } = handlerOf((event, ms) => {
    const { n } = event as { readonly n: number }
    if (n === 2) throw new TypeError('It is no event')
    return { n, time: ms > 50_000 && ms <= 60_000 }
  })
  const ending = new AbortController()
  const serving = serveLambda(handler, { api, signal: ending.signal })
  await waiting
  ending.abort()
  await serving
  assert.deepEqual(told, [
    { path: 'invocation/r1/response', body: { n: 1, time: true } },
    { path: 'invocation/r2/error', body: { errorType: 'TypeError', errorMessage: 'It is no event', stackTrace: [] } },
    { path: 'invocation/r3/response', body: { n: 3, time: true } },
  ])
  assert.equal(seen.stopped, 1)
})

test('the platform is told that it cannot start, or is gone', async (t) => {
  const { api, told } = await platform(t, [])
  const { handler, seen } = handlerOf(
    () => ({}),
    () => Promise.reject(new Error('No database answers')),
  )
  await assert.rejects(serveLambda(handler, { api }), /No database answers/)
  assert.deepEqual(told, [
    { path: 'init/error', body: { errorType: 'Error', errorMessage: 'No database answers', stackTrace: [] } },
  ])
  assert.equal(seen.stopped, 1)
  const gone = serveLambda(handlerOf(() => ({})).handler, { api: '127.0.0.1:1' })
  await assert.rejects(gone, { code: 'ECONNREFUSED' })
  delete process.env['AWS_LAMBDA_RUNTIME_API']
  await assert.rejects(serveLambda(handler), /AWS_LAMBDA_RUNTIME_API says nothing/)
})
