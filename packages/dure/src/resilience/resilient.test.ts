import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { CallError, error } from '../contract/contract.ts'
import { virtualRuntime } from '../runtime/runtime.ts'
import { resilient } from './resilience.ts'

const failing = (times: number, thrown: () => unknown = () => new Error('try again')) => {
  const work = async (id: number): Promise<number> => {
    if (++work.calls <= times) throw thrown()
    return id * 2
  }
  work.calls = 0
  return work
}
const quick = { backoff: { first: 1, max: 5 } } as const

test('a function is called once, unless its calls may be made twice', async () => {
  const once = failing(1)
  await assert.rejects(resilient(once, quick)(3), { message: 'try again' })
  assert.equal(once.calls, 1)
  const twice = failing(1)
  assert.equal(await resilient(twice, { ...quick, repeatable: (id) => id === 3 })(3), 6)
  assert.equal(twice.calls, 2)
})

test('an error that says the call was wrong is not repeated, and does not speak against the host', async () => {
  const OutOfStock = error('OUT_OF_STOCK')
  for (const [thrown, calls] of [
    [() => OutOfStock(), 1],
    [() => new CallError('NOT_FOUND', 'Cannot find it'), 1],
    [() => new CallError('UNAVAILABLE', 'It is away'), 3],
    [() => new CallError('RESOURCE_EXHAUSTED', 'It is full'), 3],
    [() => new DOMException('ended', 'AbortError'), 1],
    [() => 'no error at all', 3],
  ] as const) {
    const work = failing(9, thrown)
    const careful = resilient(work, { ...quick, repeatable: () => true })
    await assert.rejects(careful(1))
    assert.equal(work.calls, calls)
  }
  const own = resilient(failing(9), { ...quick, repeatable: () => true, retryable: () => JSON.parse('{') as boolean })
  await assert.rejects(own(1), SyntaxError)
  assert.deepEqual([own.state()[0]!.inside, own.state()[0]!.tries], [0, 1])
  const work = failing(9)
  const told = resilient(work, { ...quick, repeatable: () => true, retryable: () => false })
  await assert.rejects(told(1))
  assert.deepEqual([work.calls, told.state()[0]!.failures], [1, 0])
})

test('the signal stands where the function takes it, and aborts with what the caller hears', async () => {
  let reason: unknown
  const load = async (_id: number, options: { signal?: AbortSignal } = {}): Promise<string> => {
    await pause(60_000, undefined, { signal: options.signal }).catch(() => {
      reason = options.signal!.reason
      throw new Error('ended')
    })
    return 'late'
  }
  const own = resilient(load, {
    timeout: 50,
    withSignal: (signal, id, options) => [id, { ...options, signal }],
    signalOf: (_, options) => options?.signal,
  })
  const thrown = await own(1).catch((caught: unknown) => caught)
  assert.ok(thrown instanceof CallError && thrown.code === 'DEADLINE_EXCEEDED')
  // What is left of its time when the try begins.
  assert.match(thrown.message, /^Call of "load" was not answered within \d+ ms, in try 1 of at most 3$/)
  while (reason === undefined) await new Promise(setImmediate)
  assert.equal(reason, thrown)
  const mine = AbortSignal.abort(new Error('mine'))
  await assert.rejects(own(1, { signal: mine }), { message: 'mine' })
})

test('who is not told that its time is over keeps its place until it ends', async () => {
  const open = Promise.withResolvers<string>()
  const deaf = resilient(() => open.promise, { name: 'the printer', timeout: 20, concurrency: 1, queue: 0 })
  await assert.rejects(deaf(), { code: 'DEADLINE_EXCEEDED' })
  await assert.rejects(deaf(), { code: 'RESOURCE_EXHAUSTED' })
  assert.equal(deaf.state()[0]!.inside, 1)
  open.resolve('late')
  while (deaf.state()[0]!.inside > 0) await new Promise(setImmediate)
  assert.equal(await deaf(), 'late')
})

test('hosts are told apart, and stand each by itself', async () => {
  const { clock, timers, random, advance } = virtualRuntime()
  const runtime = { clock, timers, random }
  const ask = async (shop: string): Promise<string> => {
    if (shop === 'ill') throw new Error('away')
    return shop
  }
  const asked = resilient(ask, { runtime, host: (shop) => shop, ejection: { failures: 1, first: 1_000, share: 1 } })
  await assert.rejects(asked('ill'), { message: 'away' })
  await assert.rejects(asked('ill'), {
    code: 'UNAVAILABLE',
    message: /^Call of "ask" at "ill" was not made: others failed in a row, and one is let through in \d+ ms/,
  })
  assert.equal(await asked('well'), 'well')
  await advance(1_200)
  await assert.rejects(asked('ill'), { message: 'away' })
  await assert.rejects(asked('ill'), { code: 'UNAVAILABLE' })
})

test('those who wait for a place at a host that is left out are told so', async () => {
  const open: PromiseWithResolvers<void>[] = []
  const work = (): Promise<void> => {
    const one = Promise.withResolvers<void>()
    open.push(one)
    return one.promise
  }
  const one = resilient(work, { concurrency: 1, ejection: { failures: 1 } })
  const [first, second] = [one(), one()]
  while (open.length === 0) await new Promise(setImmediate)
  open[0]!.reject(new Error('away'))
  await assert.rejects(first, { message: 'away' })
  await assert.rejects(second, { code: 'UNAVAILABLE' })
  assert.equal(open.length, 1)
})

test('a function that throws at once has failed; options that no number is are refused when it is made', async () => {
  const thrower = resilient((): Promise<void> => {
    throw new Error('at once')
  })
  await assert.rejects(thrower(), { message: 'at once' })
  assert.equal(thrower.state()[0]!.inside, 0)
  for (const wrong of [
    { timeout: 0 },
    { attempts: 1.5 },
    { tryTimeout: Number.NaN },
    { concurrency: 0 },
    { queue: -1 },
    { backoff: { first: -1, max: 1 } },
    { budget: { ratio: -1 } },
    { ejection: { failures: 0 } },
  ])
    assert.throws(() => resilient(failing(0), wrong), TypeError, JSON.stringify(wrong))
})

test('it loads neither SQLite nor the chassis nor telemetry, and nothing keeps the process', () => {
  const program = `
    import { createServer } from 'node:http'
    import { once } from 'node:events'
    import { resilient } from 'dure/resilience'
    const builtin = process.moduleLoadList.filter((name) => name.includes('sqlite'))
    const server = createServer((_, response) => response.end('well')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const get = resilient(fetch, { timeout: 1_000_000, concurrency: 1 })
    const url = 'http://127.0.0.1:' + server.address().port
    const answers = await Promise.all([1, 2, 3].map(() => get(url)))
    await answers[0].text() // the others are left unread
    server.closeAllConnections()
    server.close()
    const ended = performance.now()
    process.on('exit', () => console.log(JSON.stringify({ builtin, kept: Math.round(performance.now() - ended) })))`
  const loaded = `
    import { registerHooks } from 'node:module'
    const rooms = new Set()
    registerHooks({ load: (url, context, next) => {
      const room = /\\/dure\\/src\\/(\\w+)\\//.exec(url)?.[1]
      if (room !== undefined) rooms.add(room)
      return next(url, context)
    } })
    process.on('exit', () => console.log([...rooms].toSorted().join()))`
  const imported = ['--import', `data:text/javascript,${encodeURIComponent(loaded)}`]
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--conditions=dure-source', ...imported, '--input-type=module', '--eval', program],
    { encoding: 'utf8', timeout: 60_000, cwd: import.meta.dirname },
  )
  assert.equal(status, 0, stderr)
  const [rooms, told] = stdout.trim().split('\n')
  assert.equal(rooms, 'contract,resilience,runtime')
  const { builtin, kept } = JSON.parse(told!) as { builtin: string[]; kept: number }
  assert.deepEqual(builtin, [])
  assert.ok(kept < 30_000, `the process stayed for ${kept} ms`)
})
