import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { assertSent, run, until } from './fetch.test-support.ts'
import type { ServiceContext } from './service.ts'

type Outgoing = Parameters<Parameters<ServiceContext['http']>[1]>[0]

/** A client of one's own: Node's, which rejects when its signal aborts. */
async function get(url: string, { headers, signal }: Partial<Outgoing> = {}): Promise<{ statusCode: number; text: string }> {
  const asked = request(url, { ...(headers && { headers }), ...(signal && { signal }) }).end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  let text = ''
  for await (const part of answer.setEncoding('utf8')) text += String(part)
  return { statusCode: answer.statusCode!, text }
}

test('a request of one’s own client is a span as that of fetch is, with its headers and its status', async (t) => {
  const { ask, url, heard, spans } = await run(t, (_request, response) => response.writeHead(503).end('busy'))
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const asked = ask(
    async ({ http }) => (await http({ method: 'GET', url: `${url}/charges?token=secret` }, (own) => get(url, own))).text,
    { traceparent, tracestate: 'v=1' },
  )
  assert.equal(await asked, 'busy')
  assertSent(spans, url, heard[0]!)
})

test('it ends with the deadline of the call and with its own, whether its client heeds the signal or not', async (t) => {
  const { ask, url, heard, gone, spans } = await run(t, () => {})
  const deaf = (): Promise<never> => new Promise(() => {})
  for (const send of [(own: Outgoing) => get(url, own), deaf]) {
    const of = ({ http }: ServiceContext, timeout?: number): Promise<string> =>
      http({ method: 'GET', url, ...(timeout !== undefined && { timeout }) }, send).then(
        () => '',
        ({ code, message }: { code: string; message: string }) => `${code} ${message}`,
      )
    assert.match(
      await ask((context) => of(context, 50)),
      /^DEADLINE_EXCEEDED Request to "127\.0\.0\.1:\d+" was not answered before its deadline$/,
    )
    await assert.rejects(
      ask((context) => of(context), { timeout: 50 }),
      { code: 'DEADLINE_EXCEEDED' },
    )
  }
  await until(() => gone.length === heard.length)
  const late = spans.filter((span) => span.attributes['error.type'] === 'DEADLINE_EXCEEDED' && span.kind === 'client')
  assert.equal(late.length, 4)
})

test('what its client throws stays as it is, and is told of though nothing was sampled', async (t) => {
  const { ask, spans } = await run(t, () => {}, { sampling: 0 })
  const told = await ask(({ http }) =>
    http({ method: 'POST', url: 'http://provider.example/pay' }, () => Promise.reject(new RangeError('Too much'))).catch(String),
  )
  assert.equal(told, 'RangeError: Too much')
  const [failed] = spans
  assert.deepEqual(
    [failed!.name, failed!.attributes['server.address'], failed!.attributes['error.type']],
    ['POST', 'provider.example', 'RangeError'],
  )
})

test('what the handler does not wait for ends with the call; what is no request is refused', async (t) => {
  const { ask, url, gone, heard, spans } = await run(t, () => {})
  await ask(async ({ http }) => {
    void http({ method: 'GET', url }, (own) => get(url, own))
    await until(() => heard.length === 1)
    return ''
  })
  await until(() => gone.length === 1)
  assert.ok(spans.every(({ status }) => status === 'unset'))
  const refused = (request: Parameters<ServiceContext['http']>[0]): Promise<string> =>
    ask(({ http }) => http(request, () => Promise.resolve('never')).catch(({ code, name }) => code ?? name))
  assert.equal(await refused({ method: 'GET', url: '/relative' }), 'TypeError')
  assert.equal(await refused({ method: 'GET', url, timeout: Number.NaN }), 'INVALID_ARGUMENT')
})
