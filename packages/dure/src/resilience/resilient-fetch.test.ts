import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from '../contract/contract.ts'
import { resilient } from './resilience.ts'
import { provider, say } from './resilient.test-support.ts'

/** Nothing waits long, and nothing is left out but where the test is about that. */
const quick = { backoff: { first: 1, max: 5 }, ejection: { failures: 1_000, stalls: 1_000 } } as const
const code = (wanted: string) => (error: unknown) => error instanceof CallError && error.code === wanted

test('a provider that answers 503 and then well: the caller hears the good answer', async (t) => {
  const { url, host, seen } = await provider(t, (n, _, response) => say(response, n < 3 ? 503 : 200, `answer ${n}`))
  const get = resilient(fetch, quick)
  const response = await get(url)
  assert.deepEqual([response.status, await response.text(), seen.length], [200, 'answer 3', 3])
  const [state] = get.state()
  assert.deepEqual(
    [state!.host, state!.health, state!.inside, state!.calls, state!.tries, state!.failures],
    [host, 'in', 0, 1, 3, 2],
  )
})

test('the last answer is given to the caller and not thrown, unread', async (t) => {
  const { url, seen } = await provider(t, (n, _, response) => say(response, 503, `sorry ${n}`))
  const response = await resilient(fetch, quick)(new URL(url))
  assert.deepEqual([response.status, response.bodyUsed, await response.text(), seen.length], [503, false, 'sorry 3', 3])
})

test('what is no trouble of the host is not repeated: 500, 404', async (t) => {
  const { url, seen } = await provider(t, (n, _, response) => say(response, n === 1 ? 500 : 404))
  const get = resilient(fetch, quick)
  assert.deepEqual([(await get(url)).status, (await get(url)).status, seen.length], [500, 404, 2])
})

test('a POST is sent once, and twice where its caller says that it may be', async (t) => {
  const { url, seen } = await provider(t, (n, _, response) => say(response, n === 3 ? 200 : 503))
  assert.equal((await resilient(fetch, quick)(url, { method: 'POST', body: 'a' })).status, 503)
  assert.equal(seen.length, 1)
  const repeatable = (_: unknown, init?: RequestInit): boolean => new Headers(init?.headers).has('idempotency-key')
  const post = resilient(fetch, { ...quick, repeatable })
  const headers = { 'idempotency-key': 'order-1' }
  assert.equal((await post(url, { method: 'POST', body: 'a', headers })).status, 200)
  assert.equal(seen.length, 3)
})

test('a body that is a stream is never sent twice, nor is one inside a Request', async (t) => {
  const { url, seen } = await provider(t, (_, request, response) => {
    request.resume()
    request.on('end', () => say(response, 503))
  })
  const put = resilient(fetch, { ...quick, repeatable: () => true })
  const body = new Blob(['a']).stream()
  assert.equal((await put(url, { method: 'PUT', body, duplex: 'half' } as RequestInit)).status, 503)
  assert.equal((await put(new Request(url, { method: 'PUT', body: 'a' }))).status, 503)
  assert.equal(seen.length, 2)
})

test('a provider that hangs costs a try, and the next one is answered; a call that runs out of time is ended', async (t) => {
  let silent = false
  const { url, seen } = await provider(t, (n, _, response) => n > 1 && !silent && say(response, 200, 'well'))
  const get = resilient(fetch, { ...quick, timeout: 60_000, tryTimeout: 2_000 })
  assert.equal(await (await get(url)).text(), 'well')
  silent = true
  const before = seen.length
  // It has to arrive within its time: a busy machine is given more of it.
  for (let timeout = 100; seen.length === before; timeout *= 2) {
    const hasty = resilient(fetch, { ...quick, timeout })
    await assert.rejects(hasty(url), (error) => {
      assert.ok(error instanceof CallError)
      const words = new RegExp(`^Request to "127\\.0\\.0\\.1:\\d+" was not answered within ${timeout} ms, in try 1 of at most 3$`)
      assert.match(error.message, words)
      return error.code === 'DEADLINE_EXCEEDED'
    })
  }
  // The provider sees that nobody waits any more.
  while (!seen.at(-1)!.destroyed) await new Promise(setImmediate)
})

test('a slow body is ended by the same deadline; one that comes in time is whole', async (t) => {
  const { url } = await provider(t, (n, _, response) => {
    response.writeHead(200).write('first ')
    if (n === 1) response.end('last')
  })
  assert.equal(await (await resilient(fetch, quick)(url)).text(), 'first last')
  const response = await resilient(fetch, { ...quick, timeout: 1_000 })(url)
  assert.equal(response.status, 200)
  await assert.rejects(response.text(), code('DEADLINE_EXCEEDED'))
})

test('a provider that breaks the connection, and one that is gone', async (t) => {
  const { url, host, seen, close } = await provider(t, (_, request) => request.destroy())
  const get = resilient(fetch, quick)
  await assert.rejects(get(url), code('UNAVAILABLE'))
  assert.equal(seen.length, 3)
  await assert.rejects(get(url, { method: 'POST' }), code('UNAVAILABLE'))
  assert.equal(seen.length, 4, 'what may have arrived is not sent again')
  close()
  await assert.rejects(get(url, { method: 'POST' }), (error) => {
    assert.ok(error instanceof CallError && error.cause !== undefined)
    assert.equal(error.message, `Request to "${host}" failed: the connection was refused`)
    return true
  })
  assert.equal(get.state()[0]!.tries, 3 + 1 + 3, 'what cannot have arrived is')
})

test('an exhausted budget gives the answer that there is', async (t) => {
  const { url, seen } = await provider(t, (_, __, response) => say(response, 503))
  const get = resilient(fetch, { ...quick, budget: { ratio: 1, minimumPerSecond: 0 } })
  assert.equal((await get(url)).status, 503)
  assert.equal(seen.length, 2, 'one call earns one repetition')
  assert.equal(get.state()[0]!.retriesLeft, 0)
})

test('Retry-After is waited for, or not at all when that is too long; one that cannot be read is none', async (t) => {
  const long = 'Fri, 01 Jan 2100 00:00:00 GMT'
  const asked = ['0', long, '100', 'soon', '-5', '1e9', '2', '', 'Fri, 99 Foo 2100 00:00:00 GMT']
  let header = ''
  const { url, seen } = await provider(t, (_, __, response) => say(response, 429, '', { 'retry-after': header }))
  const get = resilient(fetch, { ...quick, attempts: 2, timeout: 10_000 })
  const tries: Record<string, number> = {}
  for (header of asked.filter((each) => each !== '2')) {
    const before = seen.length
    assert.equal((await get(url)).status, 429)
    tries[header] = seen.length - before
  }
  const none = { soon: 2, '-5': 2, '1e9': 2, '': 2, 'Fri, 99 Foo 2100 00:00:00 GMT': 2 }
  assert.deepEqual(tries, { 0: 2, [long]: 1, 100: 1, ...none })

  header = '1'
  const began = performance.now()
  assert.equal((await get(url)).status, 429)
  assert.ok(performance.now() - began >= 999, 'a second was waited')
})

test('a full bulkhead says so at once; its places come back', async (t) => {
  const open: (() => void)[] = []
  const { url } = await provider(t, (_, __, response) => void open.push(() => say(response, 200)))
  const get = resilient(fetch, { ...quick, concurrency: 1, queue: 1 })
  const [first, second] = [get(url), get(url)]
  await assert.rejects(get(url), (error) => {
    assert.ok(error instanceof CallError)
    assert.match(error.message, /^No place at "127\.0\.0\.1:\d+": 1 of 1 places are taken and 1 of 1 callers wait/)
    return error.code === 'RESOURCE_EXHAUSTED'
  })
  const [state] = get.state()
  assert.deepEqual([state!.inside, state!.waiting, state!.refusals], [1, 1, 1])
  while (open.length === 0) await new Promise(setImmediate)
  open.shift()!()
  assert.equal((await first).status, 200)
  while (open.length === 0) await new Promise(setImmediate)
  open.shift()!()
  assert.equal((await second).status, 200)
})

test('a caller that aborts hears its own reason, wherever its call is, and that is no failure of the host', async (t) => {
  const { url, seen } = await provider(t, (n, _, response) => {
    if (n === 2) say(response, 503)
    if (n === 3) response.writeHead(200).write('half')
  })
  const get = resilient(fetch, { ...quick, backoff: { first: 60_000, max: 60_000 }, timeout: 1_000_000, concurrency: 1 })
  const reason = new Error('the page was closed')
  await assert.rejects(get(url, { signal: AbortSignal.abort(reason) }), reason)
  assert.equal(seen.length, 0)

  const hanging = new AbortController()
  const asked = get(url, { signal: hanging.signal })
  const queued = new AbortController()
  const waits = get(url, { signal: queued.signal })
  while (seen.length === 0) await new Promise(setImmediate)
  queued.abort(reason)
  await assert.rejects(waits, reason)
  hanging.abort(reason)
  await assert.rejects(asked, reason)
  assert.equal(get.state()[0]!.failures, 0)

  const pausing = new AbortController()
  const paused = get(new Request(url, { signal: pausing.signal }))
  while (get.state()[0]!.failures === 0) await new Promise(setImmediate)
  pausing.abort()
  await assert.rejects(paused, { name: 'AbortError' })

  const reading = new AbortController()
  const response = await get(url, { signal: reading.signal })
  // Begun before: of a body that is asked for afterwards, Node 22 says only that it was aborted.
  const read = response.text()
  reading.abort(reason)
  await assert.rejects(read, reason)
})

test('a host that fails in a row is left out; one request finds out that it is back; others are not concerned', async (t) => {
  let well = false
  const ill = await provider(t, (_, __, response) => say(response, well ? 200 : 503))
  const other = await provider(t, (_, __, response) => say(response, 200))
  const get = resilient(fetch, { attempts: 1, ejection: { failures: 2, first: 1_500 } })
  await get(ill.url)
  await get(ill.url)
  await assert.rejects(get(ill.url), (error) => {
    assert.ok(error instanceof CallError)
    assert.match(
      error.message,
      /^Request to "127\.0\.0\.1:\d+" was not made: others failed in a row, and one is let through in \d+ ms to find out/,
    )
    return error.code === 'UNAVAILABLE'
  })
  assert.equal(ill.seen.length, 2)
  assert.equal((await get(other.url)).status, 200)
  well = true
  const probe = async (): Promise<number> => (await get(ill.url).catch(() => undefined))?.status ?? (await probe())
  assert.equal(await probe(), 200)
  assert.deepEqual([ill.seen.length, get.state().find(({ host }) => host === ill.host)!.health], [3, 'in'])
})

test('what is no request is for fetch to refuse, in its own words', async (t) => {
  const { url } = await provider(t, (_, __, response) => say(response, 200))
  const get = resilient(fetch, quick)
  const own = (input: string, init?: RequestInit) =>
    fetch(input, init).then(
      () => 'well',
      (error: Error) => `${error.name} ${error.message}`,
    )
  for (const [input, init] of [
    ['/rates', {}],
    ['nothing://here', {}],
    [url, { headers: { a: 'b\nc' } }],
    [url, { body: 'a' }],
  ] as const) {
    const wanted = await own(input, init)
    assert.match(wanted, /^TypeError/)
    await assert.rejects(get(input, init), (error: Error) => `${error.name} ${error.message}` === wanted)
  }
  assert.equal(await (await get('data:text/plain,well')).text(), 'well')
})

test('another fetch works as the platform does, when it is said to be one', async () => {
  let calls = 0
  const double = async (_: string | URL | Request, __?: RequestInit) => new Response('', { status: ++calls < 3 ? 503 : 200 })
  assert.equal((await resilient(double, { ...quick, http: true })('http://provider')).status, 200)
  assert.equal(calls, 3)
})

test('any number of hosts is called, and so many are remembered', async () => {
  const double = async (_: string | URL | Request, __?: RequestInit) => new Response('')
  const get = resilient(double, { http: true })
  for (let n = 0; n < 1_200; n++) await get(`http://host-${n}/`)
  const state = get.state()
  assert.deepEqual([state.length, state[0]!.host, state.at(-1)!.host], [1_000, 'host-200', 'host-1199'])
})

test('of more hosts at once than are remembered one more is refused', async () => {
  const hanging = new AbortController()
  const double = async (input: string | URL | Request, _?: RequestInit): Promise<Response> =>
    input === 'http://one-more/' ? new Response('') : new Promise(() => {})
  const get = resilient(double, { http: true, concurrency: 1 })
  const all = Promise.allSettled(Array.from({ length: 1_000 }, (_, n) => get(`http://host-${n}/`, { signal: hanging.signal })))
  await assert.rejects(get('http://one-more/'), code('RESOURCE_EXHAUSTED'))
  hanging.abort()
  await all
  // They never end, and their places are taken still: only what is idle is forgotten.
  await assert.rejects(get('http://one-more/'), code('RESOURCE_EXHAUSTED'))
})
