import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Asked, assertSent, run, textOf, until } from './fetch.test-support.ts'
import type { ServiceContext } from './service.ts'

test('a request is a child of the call, in headers and spans, and tells neither query nor credentials', async (t) => {
  const { ask, url, heard, spans } = await run(t, (_request, response) => response.writeHead(503).end('busy'))
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  assert.equal(
    await ask(async (context) => textOf(context, `${url}/charges?token=secret`), { traceparent, tracestate: 'v=1' }),
    'busy',
  )
  assertSent(spans, url, heard[0]!)
  const withSecret = url.replace('//', '//user:secret@')
  await assert.rejects(
    ask((context) => textOf(context, withSecret).catch((error: Error) => error.message)).then((message) => {
      assert.doesNotMatch(message, /secret/)
      throw new Error(message)
    }),
    /its URL holds credentials; give them in the header "authorization"/,
  )
})

test('each of the 256 flags: sampled and random travel on, to a server and with an event, and no other', async (t) => {
  // Without records: on a busy machine one of so many may be slow, and be told of.
  const telemetry = { sampling: 1, records: 0 }
  const { ask, url, heard, spans, traces } = await run(t, (_request, response) => response.end(), telemetry)
  for (let flags = 0; flags < 256; flags++) {
    const given = flags.toString(16).padStart(2, '0')
    const kept = `0${flags & 3}`
    const traceId = `0af7651916cd43dd8448eb211c8031${given}`
    traces.length = heard.length = 0
    await ask(
      async (context) => {
        await textOf(context, url)
        await context.database.transaction((tx) => tx.publish(Asked, { id: given }))
        return ''
      },
      { traceparent: `00-${traceId}-b7ad6b7169203331-${given}` },
    )
    await until(() => traces.length === 3)
    assert.deepEqual(
      [traces[0], heard[0]!['traceparent'], traces[1], heard[1]!['traceparent']].map((one) => String(one).slice(-2)),
      [kept, kept, kept, kept],
      given,
    )
    const own = spans.filter((span) => span.traceId === traceId)
    assert.ok(
      own.every((span) => span.flags === (flags & 3)),
      given,
    )
    assert.equal(own.length > 0, (flags & 1) === 1)
  }
})

test('a trace that begins here says that its id is random', async (t) => {
  for (const sampling of [0, 1]) {
    const { ask, url, heard } = await run(t, (_request, response) => response.end(), { sampling })
    await ask((context) => textOf(context, url))
    assert.match(String(heard[0]!['traceparent']), sampling === 0 ? /-02$/ : /-03$/)
  }
})

test('a request that fails is told of though it was not sampled; without telemetry a trace passes through', async (t) => {
  const sampled = await run(t, (request) => void request.socket.destroy(), { sampling: 0 })
  assert.match(
    await sampled.ask((context) => textOf(context, sampled.url).catch((error: Error) => error.message)),
    /^Request to "127\.0\.0\.1:\d+" failed: the connection was broken off$/,
  )
  assert.deepEqual(
    sampled.spans.map(({ kind, status, attributes }) => [kind, status, attributes['error.type']]),
    [
      ['client', 'error', 'UNAVAILABLE'],
      // The call that it was part of went well, and is of the same trace.
      ['server', 'unset', undefined],
    ],
  )
  const silent = await run(t, (_request, response) => response.end(), false)
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03'
  await silent.ask((context) => textOf(context, silent.url), { traceparent })
  assert.equal(silent.heard[0]!['traceparent'], traceparent)
})

test('a server that never answers, or never ends its answer, costs no more than the deadline', async (t) => {
  const { ask, url, heard, gone, spans } = await run(t, (request, response) => {
    if (request.url === '/begins') response.write('a')
  })
  let asked = 0
  // A request has to arrive, and its answer to begin, within its time: a busy machine is given more of it.
  const inTime = async (attempt: (timeout: number) => Promise<boolean>): Promise<void> => {
    for (let timeout = 50; !(await attempt(timeout));) timeout *= 2
  }
  for (const path of ['/', '/begins']) {
    await inTime(async (timeout) => {
      const before = heard.length
      asked++
      await assert.rejects(
        ask((context) => textOf(context, url + path), { timeout }),
        { code: 'DEADLINE_EXCEEDED' },
      )
      return heard.length > before
    })
    await inTime(async (timeout) => {
      const before = heard.length
      asked++
      const own = await ask(async ({ fetch }) => {
        const error: unknown = await fetch(url + path, { timeout })
          .then((answer) => answer.text())
          .catch((thrown: unknown) => thrown)
        return `${(error as { code: string }).code} ${(error as Error).message}`
      })
      assert.match(own, /^DEADLINE_EXCEEDED Request to "127\.0\.0\.1:\d+" was not answered before its deadline$/)
      return heard.length > before
    })
  }
  await until(() => heard.length >= 4 && gone.length === heard.length)
  const late = spans.filter((span) => span.attributes['error.type'] === 'DEADLINE_EXCEEDED' && span.kind === 'client')
  assert.ok(late.length >= 4 && late.length <= asked, `${late.length} of ${asked}`)
})

test('it ends with the caller, and with the signal it was given', async (t) => {
  const { ask, url, gone, heard } = await run(t, () => {})
  const caller = new AbortController()
  const asked = ask((context) => textOf(context, url), { signal: caller.signal })
  await until(() => heard.length === 1)
  caller.abort()
  await assert.rejects(asked, { code: 'CANCELLED' })
  await until(() => gone.length === 1)
  for (const before of [true, false]) {
    const own = new AbortController()
    if (before) own.abort()
    const code = ask(async ({ fetch }) => {
      const answer = fetch(url, { signal: own.signal }).then(
        () => '',
        ({ code }: { code: string }) => code,
      )
      if (!before) await until(() => heard.length === 2)
      own.abort()
      return answer
    })
    assert.equal(await code, 'CANCELLED')
    assert.equal(getEventListeners(own.signal, 'abort').length, 0)
  }
})

test('what the handler does not wait for or does not read ends with the call, and is nobody’s failure', async (t) => {
  const { ask, url, gone, heard, spans } = await run(t, (request, response) => {
    if (request.url !== '/never') response.write('a')
  })
  let left: Promise<Response> | undefined
  await ask(async ({ fetch }) => {
    left = fetch(`${url}/never`)
    void fetch(`${url}/never`)
    await fetch(`${url}/begins`)
    await until(() => heard.length === 3)
    return ''
  })
  await until(() => gone.length === 3)
  await assert.rejects(left!, { code: 'CANCELLED', message: /the call that made it is over$/ })
  assert.ok(spans.every(({ status }) => status === 'unset'))
  let late: ServiceContext['fetch'] | undefined
  await ask(({ fetch }) => ((late = fetch), ''))
  await assert.rejects(late!(url), { code: 'CANCELLED' })
  assert.equal(heard.length, 3)
})

test('redirects are followed; a circle, a refusal and a host that is not there are told in words', async (t) => {
  const { ask, url } = await run(t, (request, response) => {
    if (request.url === '/to') response.end('there')
    else response.writeHead(302, { location: request.url === '/from' ? '/to' : '/circle' }).end()
  })
  assert.equal(
    await ask(async ({ fetch }) => {
      const answer = await fetch(`${url}/from`)
      return [await answer.text(), answer.redirected, answer.url === `${url}/to`].join()
    }),
    'there,true,true',
  )
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const closed = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  server.close()
  for (const [address, words] of [
    [`${url}/circle`, /failed: redirect count exceeded$/],
    [closed, /failed: the connection was refused$/],
    ['http://nobody.invalid', /failed: (there is no host of this name|the name of its host cannot be looked up now)$/],
  ] as const) {
    const told = await ask((context) => textOf(context, address).catch((error) => `${error.code}: ${error.message}`))
    assert.match(told, /^UNAVAILABLE: Request to "[\w.:]+" failed: /)
    assert.match(told, words)
  }
  for (const wrong of ['/relative', 'file:///etc/passwd', ''])
    assert.match(await ask((context) => textOf(context, wrong).catch(String)), /^TypeError: Cannot fetch/)
  for (const timeout of [Number.NaN, Infinity])
    assert.equal(
      await ask(({ fetch }) =>
        fetch(url, { timeout }).then(
          () => '',
          ({ code }: { code: string }) => code,
        ),
      ),
      'INVALID_ARGUMENT',
    )
})

test('many requests one after another leave nothing with the call, its signal or the one they were given', async (t) => {
  const { ask, url } = await run(t, (request, response) => {
    if (request.url === '/empty') response.writeHead(204).end()
    else response.end('text')
  })
  const own = new AbortController()
  await ask(async (context) => {
    for (let n = 0; n < 150; n++) {
      const answer = await context.fetch(n % 3 === 0 ? `${url}/empty` : url, { signal: own.signal })
      if (n % 3 === 1) await answer.text()
      else if (n % 3 === 2) await answer.body!.cancel()
    }
    assert.equal(context.cancellation!.listened, false)
    assert.equal(getEventListeners(context.signal, 'abort').length, 0)
    assert.equal(getEventListeners(own.signal, 'abort').length, 0)
    return ''
  })
})
