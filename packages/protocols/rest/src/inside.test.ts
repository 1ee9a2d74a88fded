import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CallError, command, contract, query } from 'dure/contract'
import { database, sql } from 'dure/data'
import type { Address, Registry } from 'dure/discovery'
import { service, start, system } from 'dure/service'
import { createLogger } from 'dure/telemetry'
import { z } from 'zod'
import { rest } from './rest.ts'
import { ask } from './rest.test-support.ts'

const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'tests',
  operations: { left: query({ output: z.int(), http: 'GET /stock' }) },
})
const Way = z.object({ way: z.string() })
const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: { fail: command({ input: Way, http: 'POST /fail/{way}' }) },
})

/** Where the other service is said to be; nobody is there, or nobody who answers. */
let elsewhere: Address | undefined
const registry: Registry = {
  register: async () => ({ update: async () => {}, stop: async () => {} }),
  instances: (service) =>
    service === 'stock' && elsewhere !== undefined
      ? [{ service, id: JSON.stringify(elsewhere), version: '1.0.0', status: 'up', endpoints: { dure: elsewhere }, metadata: {} }]
      : [],
  services: () => ['stock'],
  watch: (name, listener) => {
    listeners.add(() => listener(registry.instances(name ?? 'stock'), 'stock'))
    return { stop: () => {} }
  },
  freshness: () => ({ fresh: true }),
  stop: async () => {},
}
const listeners = new Set<() => void>()
const secret = '/etc/dure/secret.pem'

/** Ways in which a handler fails, what its caller over HTTP hears, and whether these are the handler's own words. */
const WAYS: Readonly<Record<string, { readonly code: string; readonly own?: string }>> = {
  error: { code: 'INTERNAL' },
  text: { code: 'UNKNOWN' },
  statement: { code: 'INTERNAL' },
  full: { code: 'RESOURCE_EXHAUSTED' },
  long: { code: 'DEADLINE_EXCEEDED' },
  reads: { code: 'INTERNAL' },
  begins: { code: 'INTERNAL' },
  over: { code: 'INTERNAL' },
  nested: { code: 'INTERNAL' },
  needs: { code: 'UNAVAILABLE' },
  'fetches, refused': { code: 'UNAVAILABLE' },
  'fetches, cancelled': { code: 'CANCELLED' },
  'fetches, wrongly': { code: 'INTERNAL' },
  missing: { code: 'NOT_FOUND', own: 'No such order' },
  closed: { code: 'UNAVAILABLE', own: 'The shop opens at nine' },
  issues: { code: 'INVALID_ARGUMENT', own: 'Not like this' },
}

const shop = service(Shop, {
  needs: { stock: Stock },
  ready: () => {
    throw new Error(`Cannot read "${secret}"`)
  },
  database: database<{ t: { text: string } }>({
    migrations: { '001': 'CREATE TABLE t (text TEXT NOT NULL); PRAGMA max_page_count = 60' },
  }),
  handlers: {
    fail: async ({ way }, { database: own, stock, fetch }) => {
      if (way === 'error') throw new Error(`Cannot read "${secret}"`)
      if (way === 'text') throw `Cannot read "${secret}"`
      if (way === 'statement') await own.transaction((tx) => sql`SELECT secret FROM nowhere`.execute(tx))
      if (way === 'full')
        await own.transaction((tx) =>
          tx
            .insertInto('t')
            .values({ text: 'x'.repeat(1_000_000) })
            .execute(),
        )
      if (way === 'long') await own.transaction(() => new Promise(() => {}), { timeout: 20 })
      if (way === 'reads') await own.read.insertInto('t').values({ text: 'x' }).execute()
      if (way === 'begins') await own.transaction((tx) => sql`BEGIN`.execute(tx))
      if (way === 'over') await (await own.transaction(async (tx) => [tx] as const))[0].selectFrom('t').selectAll().execute()
      if (way === 'nested') await own.transaction(() => own.transaction(async () => {}))
      if (way === 'needs') await stock.left(undefined, { timeout: 500 })
      if (way === 'fetches, refused') await fetch('http://127.0.0.1:1/')
      if (way === 'fetches, cancelled') await fetch('http://127.0.0.1:1/', { signal: AbortSignal.abort() })
      if (way === 'fetches, wrongly') await fetch('http://127.0.0.1:1/', { timeout: Number.NaN })
      if (way === 'missing') throw new CallError('NOT_FOUND', 'No such order', { cause: new Error(secret) })
      if (way === 'closed') throw new CallError('UNAVAILABLE', 'The shop opens at nine')
      if (way === 'issues')
        throw new CallError('INVALID_ARGUMENT', 'Not like this', {
          details: { issues: [null, 5, { path: 1 }, { message: 'kept', path: [] }] },
        })
    },
  },
})

test(
  'whatever fails inside, an answer over HTTP has no word of the inside, and the log has all of them',
  { timeout: 60_000 },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'dure-inside-'))
    const lines: string[] = []
    const log = createLogger({ clock: { now: () => 0, monotonic: () => 0 }, write: (line) => lines.push(line) })
    const stock = service(Stock, { handlers: { left: () => 1 } })
    const definition = system('inside', {
      services: [shop, stock],
      placement: 'each',
      registry: () => registry,
      doors: [rest().at({ port: 0 })],
    })
    const running = await start(definition, { directory, log, part: ['broker', 'shop', 'doors'] })
    const hangsUp = createServer((socket) => socket.once('data', () => socket.destroy()))
    const mute = createServer(() => {})
    t.after(async () => {
      hangsUp.close()
      mute.close()
      await running.stop()
      rmSync(directory, { recursive: true, force: true })
    })
    const listening = async (server: typeof mute, name: string): Promise<Address> => {
      const path = join(directory, `${name}.sock`)
      await new Promise<void>((resolve) => void server.listen(path, resolve))
      return { kind: 'unix', path }
    }
    const url = running.doors[0]!.url!
    const places: Readonly<Record<string, Address | undefined>> = {
      'nobody is known': undefined,
      'a socket that is not there': { kind: 'unix', path: join(directory, 'gone.sock') },
      'a port that refuses': { kind: 'tcp', host: '127.0.0.1', port: 1 },
      'one that hangs up': await listening(hangsUp, 'hangs-up'),
      'one that is mute': await listening(mute, 'mute'),
    }
    const inner = [
      directory,
      '.sock',
      'unix:',
      '127.0.0.1',
      ':1:',
      'node_modules',
      'file:',
      'SELECT',
      'sqlite',
      '.db',
      secret,
      'nowhere',
      'tx',
      'transaction',
      'read`',
      'broker',
      'rpc',
    ]
    const look = async (
      what: string,
      path: string,
      method: string,
    ): Promise<{ code?: string; detail?: string; errors?: unknown }> => {
      const before = lines.length
      const { body, headers, status } = await ask(`${url}${path}`, {
        method,
        headers: { 'request-timeout': method === 'GET' || path.endsWith('needs') ? '1' : '20' },
      })
      const text = JSON.stringify([body, [...headers]])
      for (const word of inner) assert.ok(!text.includes(word), `${what}: "${word}" in ${text}`)
      assert.doesNotMatch(text, /\bat \S+:\d+:\d+/, what)
      assert.ok(status >= 400, what)
      // That nobody answered in time says all there is.
      const told = body as { code?: string }
      const own = WAYS[what]?.own !== undefined || told.code === 'DEADLINE_EXCEEDED'
      assert.ok(own || lines.length > before, `${what}: nothing was logged`)
      return told
    }
    for (const [place, address] of Object.entries(places)) {
      elsewhere = address
      for (const tell of listeners) tell()
      const inHandler = await look(`needs, ${place}`, '/fail/needs', 'POST')
      const atTheDoor = await look(`stock, ${place}`, '/stock', 'GET')
      for (const { code, detail } of [inHandler, atTheDoor]) {
        assert.ok(code === 'UNAVAILABLE' || code === 'DEADLINE_EXCEEDED', `${place}: ${code} ${detail}`)
        assert.ok(detail!.length > 10)
      }
    }
    for (const [way, { code, own }] of Object.entries(WAYS)) {
      if (way === 'needs') continue
      const told = await look(way, `/fail/${encodeURIComponent(way)}`, 'POST')
      assert.equal(told.code, code, `${way}: ${told.detail}`)
      if (own !== undefined) assert.equal(told.detail, own)
      if (way === 'issues') assert.deepEqual(told.errors, [{ path: '(input)', message: 'kept' }])
    }
    await look('health', '/health/ready', 'GET')
    const said = lines.join('')
    for (const word of [secret, 'shop.db']) assert.ok(said.includes(word), `the log has no word of ${word}`)
  },
)
