import assert from 'node:assert/strict'
import { Agent, request as ask, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { test } from 'node:test'
import { until } from './bytes.test-support.ts'
import { before, bodyOf, serving, started } from './gateway.test-support.ts'
import { filter } from './gateway.ts'

test('a filter reads a body that comes in parts and answers it, or has it passed on whole; what is too long or says no length it does not get', async (t) => {
  let reading = 0
  const reader = filter('reader', {
    before: async (request) => {
      reading++
      const body = await request.body(100)
      if (request.path === '/own') return { status: 200, body: `read ${body?.toString() ?? 'nothing'}` }
      request.setHeader('x-read', String(body?.length))
      return undefined
    },
  })
  const server = await serving(t, (request, response) => {
    void bodyOf(request).then((text) => response.end(`got ${text} ${String(request.headers['x-read'])}`))
  })
  const { url } = await started(t, { routes: before(server.address, { filters: [reader] }) })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const send = async (path: string, parts: readonly string[], length?: number): Promise<string> => {
    const headers = length === undefined ? {} : { 'content-length': length }
    const outgoing = ask(url + path, { method: 'POST', agent, headers })
    const seen = reading
    const answer = once(outgoing, 'response') as Promise<[IncomingMessage]>
    const [first = '', ...others] = parts
    outgoing.write(first)
    // It is being waited for when the rest comes.
    await until(() => reading > seen)
    for (const each of others) outgoing.write(each)
    outgoing.end()
    const [response] = await answer
    return bodyOf(response)
  }
  // All on one connection: nothing of a body is taken for the next request.
  for (let i = 0; i < 3; i++) {
    assert.equal(await send('/own', ['abc', 'd', 'ef'], 6), 'read abcdef')
    assert.equal(await send('/on', ['abc', 'def'], 6), 'got abcdef 6')
    assert.equal(await send('/on', ['abc', 'def']), 'got abcdef undefined')
    assert.equal(await send('/on', ['x'.repeat(101)], 101), `got ${'x'.repeat(101)} undefined`)
  }
  assert.equal(await send('/own', ['abc']), 'read nothing')
  assert.equal(await send('/own', ['abc', 'def'], 6), 'read abcdef')
})
