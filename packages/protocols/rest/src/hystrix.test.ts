import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { CallError, contract, query } from 'dure/contract'
import { service, start, system, type CopyReading, type Running } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { rest } from './rest.ts'
import { ask, testHost, until } from './rest.test-support.ts'

const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'tests',
  operations: { left: query({ input: z.string(), output: z.int() }) },
})
const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: { offer: query({ output: z.string(), http: 'GET /offer' }) },
})

/** What the page reads of a command. */
type Command = Readonly<Record<string, unknown>> & { readonly name: string }

const breaker = { minimumCalls: 3, probes: 2, open: { first: 300, max: 300 } }

/** A shop with a fallback for its stock, whole in one process or with all between its parts through sockets. */
async function shop(t: TestContext, parts: readonly string[] | undefined) {
  const told = { down: false, hold: undefined as Promise<void> | undefined }
  const stock = service(Stock, {
    handlers: {
      left: async () => {
        if (told.down) throw new CallError('UNAVAILABLE', 'It is down')
        await told.hold
        return 7
      },
    },
  })
  const front = service(Shop, {
    needs: { stock: Stock },
    policies: { stock: { breaker, timeout: 5_000, bulkhead: { concurrency: 8 } } },
    fallbacks: { stock: { left: () => 0 } },
    handlers: {
      offer: async (_, { stock }) => {
        const left = await stock.left.attempt('pears')
        return left.ok ? `${left.value} by ${left.from ?? 'callee'}` : 'none'
      },
    },
  })
  const directory = mkdtempSync(join(tmpdir(), 'rest-hystrix-'))
  const made = system('shops', { services: [stock, front], doors: [rest({ port: 0 })], policies: { shop: { breaker: {} } } })
  const running: Running[] = []
  t.after(async () => {
    await Promise.all(running.map((one) => one.stop({ everything: true })))
    rmSync(directory, { recursive: true, force: true })
  })
  const options = { directory, log: silentLogger(), shutdownTimeout: 2_000 }
  if (parts === undefined) running.push(await start(made, options))
  else for (const part of parts) running.push(await start(made, { ...options, part: [part] }))
  return { told, url: running.at(-1)!.doors[0]!.url!, stop: () => running.at(-1)!.stop() }
}

/** The newest of each command that the stream has told. */
async function watch(t: TestContext, url: string) {
  const gone = new AbortController()
  t.after(() => gone.abort())
  const answer = await fetch(`${url}/hystrix.stream`, { signal: gone.signal })
  const seen = new Map<string, Command>()
  let text = ''
  const ended = (async () => {
    const decoder = new TextDecoder()
    for await (const part of answer.body!) {
      text += decoder.decode(part as Uint8Array, { stream: true })
      const events = text.split('\n\n')
      text = events.pop()!
      for (const event of events) {
        if (event === 'ping: ') continue
        assert.match(event, /^data: \{.*\}$/)
        const command = JSON.parse(event.slice(6)) as Command
        seen.set(command.name, command)
      }
    }
  })()
  ended.catch(() => {})
  const find = async (name: string, fits: (command: Command) => boolean): Promise<Command> => {
    await until(() => seen.has(name) && fits(seen.get(name)!))
    return seen.get(name)!
  }
  return { answer, find, ended, leave: () => gone.abort() }
}

const offer = async (url: string): Promise<unknown> => (await ask(`${url}/offer`)).body
const NAME = 'shop>stock.left'

for (const parts of [undefined, ['broker', 'stock', 'shop', 'doors']])
  test(`a breaker closed, open, half open and closed again, ${parts === undefined ? 'in one process' : 'of a service in another process'}`, async (t) => {
    const { told, url } = await shop(t, parts)
    const { answer, find } = await watch(t, url)
    assert.match(answer.headers.get('content-type')!, /^text\/event-stream/)
    for (let i = 0; i < 4; i++) assert.equal(await offer(url), '7 by callee')
    const closed = await find(NAME, (one) => (one['requestCount'] as number) > 0)
    assert.deepEqual([closed['isCircuitBreakerOpen'], closed['errorPercentage']], [false, 0])
    assert.equal(closed['rollingCountSuccess'], closed['requestCount'])
    assert.equal(closed['propertyValue_circuitBreakerRequestVolumeThreshold'], 3)
    assert.equal(closed['propertyValue_executionTimeoutInMilliseconds'], 5_000)
    // What the door calls is guarded as well, and has no caller.
    await find('shop.offer', (one) => one['isCircuitBreakerOpen'] === false && one['group'] === 'doors')

    told.down = true
    while ((await find(NAME, () => true))['isCircuitBreakerOpen'] !== true) assert.equal(await offer(url), '0 by fallback')
    const open = await find(NAME, (one) => (one['rollingCountShortCircuited'] as number) > 0)
    const count = (name: string): number => open[`rollingCount${name}`] as number
    assert.ok(count('Failure') >= 3, `${count('Failure')} failures`)
    // What a fallback answers is told as such, and why it was asked.
    assert.equal(count('FallbackSuccess'), count('Failure') + count('ShortCircuited'))
    assert.equal(open['errorCount'], count('FallbackSuccess'))
    assert.equal(count('FallbackMissing'), 0)

    told.down = false
    const held = Promise.withResolvers<void>()
    told.hold = held.promise
    const asking: Promise<unknown>[] = []
    const ask = async (): Promise<void> => {
      const answered = offer(url)
      asking.push(answered)
      await Promise.race([answered, find(NAME, (one) => one['isCircuitBreakerOpen'] === 'Half-Open')])
    }
    while ((await find(NAME, () => true))['isCircuitBreakerOpen'] === true) await ask()
    const half = await find(NAME, (one) => one['isCircuitBreakerOpen'] === 'Half-Open')
    assert.ok((half['currentConcurrentExecutionCount'] as number) >= 1)
    held.resolve()
    await Promise.all(asking)
    while ((await find(NAME, () => true))['isCircuitBreakerOpen'] !== false) await offer(url)
    await find(NAME, (one) => one['currentConcurrentExecutionCount'] === 0)
  })

test('a stream ends with its door, and nothing else is asked of it: no HEAD, no more than ten watchers', async (t) => {
  const { url, stop } = await shop(t, undefined)
  await offer(url)
  assert.equal((await fetch(`${url}/hystrix.stream`, { method: 'HEAD' })).status, 405)
  const all = await Promise.all(Array.from({ length: 10 }, () => watch(t, url)))
  for (const { find } of all) await find(NAME, () => true)
  const eleventh = await ask(`${url}/hystrix.stream`)
  assert.deepEqual([eleventh.status, (eleventh.body as { code: string }).code], [503, 'UNAVAILABLE'])
  // Who leaves makes room.
  all[0]!.leave()
  let next = await watch(t, url)
  while (next.answer.status !== 200) next = await watch(t, url)
  await next.find(NAME, () => true)
  await stop()
  await Promise.all([next, ...all.slice(1)].map(({ ended }) => ended))
})

test('one who does not read is cut in the end, and costs the others nothing; who cannot be read is told of in the log', async (t) => {
  const { host, world, logged } = testHost([])
  const { timers } = world.runtime
  let broken = false
  const none = { ...{ callee: 0, cache: 0, fallback: 0, stale: 0, breaker: 0, rateLimit: 0, limit: 0, bulkhead: 0 } }
  const counts = { ...none, refusedByCallee: 0, failed: 0, timeout: 0, fallbackFailed: 0 }
  const reading: CopyReading = {
    ...{ caller: 'a', copy: 'a', service: 's', operation: 'o', policy: {}, breaker: undefined, durations: [], underWay: 0 },
    ...{ ever: counts, lately: counts, behindFallback: counts },
  }
  const many = Array.from({ length: 2_000 }, (_, i) => ({ ...reading, operation: `o${i}` }))
  const quick = { ...timers, after: (ms: number, task: () => void) => timers.after(Math.min(ms, 5), task) }
  const open = await rest({ port: 0 }).open(
    { ...host, callsEverywhere: () => (broken ? Promise.reject(new Error('no')) : Promise.resolve(many)) },
    { ...world, runtime: { ...world.runtime, timers: quick } },
  )
  t.after(() => open.close({ timeout: 100 }))
  const deaf = connect(Number(new URL(open.url!).port), '127.0.0.1')
  deaf.on('error', () => {})
  deaf.write('GET /hystrix.stream HTTP/1.1\r\nhost: a\r\n\r\n')
  await once(deaf, 'readable')
  const { find } = await watch(t, open.url!)
  let cut = false
  // It never reads, so only its connection's end can be seen: when writing to it fails.
  deaf.once('close', () => (cut = true))
  const prod = setInterval(() => deaf.write(' '), 20)
  t.after(() => clearInterval(prod))
  await until(() => cut)
  await find('a>s.o1999', () => true)
  broken = true
  await until(() => logged.some(({ message }) => message === 'Cannot tell how calls stand'))
  broken = false
  const { currentTime } = await find('a>s.o0', () => true)
  await find('a>s.o0', (one) => (one['currentTime'] as number) > (currentTime as number))
})
