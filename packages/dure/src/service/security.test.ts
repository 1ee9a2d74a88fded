import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { CallError, command, contract, event, query, stream, type Principal } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { quiet } from './rig.test-support.ts'
import {
  service,
  start,
  system,
  SystemError,
  type Door,
  type DoorHost,
  type ServiceContext,
  type SystemOptions,
} from './service.ts'

const Known = z.string()
const Ledger = contract('ledger', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    read: query({ output: Known, scope: 'ledger:read' }),
    follow: stream({ output: z.int(), scope: 'ledger:read' }),
    open: query({ output: Known }),
  },
})
const Booked = event('till.booked', { schema: z.object({ id: z.string() }), key: ({ id }) => id })
const Till = contract('till', {
  version: '1.0.0',
  owner: 'tests',
  operations: { look: query({ output: Known }), book: command({ output: z.string(), scope: 'till:write' }) },
  events: [Booked],
})

/** What a handler knows of whoever calls: `user ana of acme`. */
const known = (_: unknown, { principal, metadata }: Pick<ServiceContext, 'principal' | 'metadata'>): string =>
  `${principal?.kind ?? 'nobody'} ${principal?.subject ?? ''} of ${metadata['tenant'] ?? 'none'}${principal?.initiator === undefined ? '' : `, begun by ${principal.initiator}`}`

const ledger = service(Ledger, {
  handlers: {
    read: known,
    follow: async function* () {
      yield 1
    },
    open: known,
  },
})
/** @param seen what the ledger says to a reaction */
const tillOf = (seen: unknown[] = []) =>
  service(Till, {
    needs: { ledger: Ledger },
    database: database({ migrations: {} }),
    handlers: {
      look: (_, { ledger }) => ledger.read(),
      book: async (_, { database }) => {
        await database.transaction((tx) => tx.publish(Booked, { id: 'a' }))
        return `booking ${++bookings}`
      },
    },
    subscriptions: ({ on }) => [
      on(Booked, {
        prepare: (_, { ledger }) => ledger.read(),
        handle: async ({ initiator, data }, { tx }, known) => {
          seen.push(known, initiator)
          if (data.id === 'a') await tx.publish(Booked, { id: 'again' })
        },
      }),
    ],
  })

let bookings = 0
const ana: Principal = { subject: 'ana', kind: 'user', scopes: ['ledger:read', 'till:write'], roles: [] }
const ben: Principal = { ...ana, subject: 'ben', scopes: ['ledger'] }

/** A door without a protocol: a test asks its host. */
function bareDoor(): { door: Door; host: () => DoorHost } {
  let opened: DoorHost | undefined
  const open: Door['open'] = async (host) => {
    opened = host
    return { url: undefined, close: async () => {} }
  }
  return { door: { name: 'bare', open }, host: () => opened! }
}

async function shop(t: TestContext, options: Partial<SystemOptions> = {}, seen: unknown[] = []) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-security-'))
  const { door, host } = bareDoor()
  const shop = system('shop', { services: [ledger, tillOf(seen)], doors: [door], ...options })
  const running = await start(shop, { directory, log: silentLogger() })
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true })
  })
  return { running, host: host() }
}

const authenticate = ({ header }: { header: (name: string) => string | undefined }): Principal | undefined => {
  const name = header('authorization')
  if (name === undefined) return undefined
  const known = new Map([ana, ben, { ...ana, subject: 'root', kind: 'service' as const }].map((one) => [one.subject, one])).get(
    name,
  )
  if (known === undefined) throw new CallError('UNAUTHENTICATED', 'Nobody is called that')
  return known
}
const security = { authenticate }
const failure = (code: string, words: RegExp) => (error: unknown) =>
  error instanceof CallError && error.code === code && words.test(error.message)

test('a system with scopes and doors says who finds out who calls, or that anybody may do anything', async (t) => {
  const { door } = bareDoor()
  assert.throws(
    () => system('shop', { services: [ledger, tillOf()], doors: [door] }),
    (error) =>
      error instanceof SystemError &&
      /"ledger.read" needs the scope "ledger:read" \(and 2 more are not for anybody\).*security: 'off'/.test(error.message),
  )
  const { host } = await shop(t, { security: 'off' })
  assert.equal(host.authenticate, undefined)
  assert.deepEqual(await host.call('ledger', 'read', undefined, {}), 'nobody  of none')
})

test('who lacks a scope is refused in words, and hears which one', async (t) => {
  const { host, running } = await shop(t, { security })
  const read = (principal?: Principal) => host.call('ledger', 'read', undefined, { principal })
  await assert.rejects(read(), failure('UNAUTHENTICATED', /ledger.read .*"ledger:read".*send credentials/))
  await assert.rejects(read(ben), failure('PERMISSION_DENIED', /ledger.read .*"ledger:read", which its caller does not have/))
  await assert.rejects(running.client(Ledger).read(), failure('UNAUTHENTICATED', /ledger:read/))
  assert.deepEqual(await read(ana), 'user ana of none')
  assert.deepEqual(await running.client(Ledger, { principal: ana }).read(), 'user ana of none')
  // A stream that is left open would be waited for when the system stops.
  const follow = async (principal: Principal) => {
    const values = host.stream('ledger', 'follow', undefined, { principal })[Symbol.asyncIterator]()
    const first = await values.next()
    await values.return?.()
    return first
  }
  await assert.rejects(follow(ben), failure('PERMISSION_DENIED', /ledger:read/))
  assert.deepEqual(await follow(ana), { done: false, value: 1 })
  // What needs no scope is for everybody.
  assert.deepEqual(await host.call('ledger', 'open', undefined, {}), 'nobody  of none')
})

test('whoever a service is called for, and the metadata, go along with the calls it makes', async (t) => {
  const { host } = await shop(t, { security })
  const metadata = { tenant: 'acme' }
  assert.deepEqual(await host.call('till', 'look', undefined, { principal: ana, metadata }), 'user ana of acme')
  await assert.rejects(host.call('till', 'look', undefined, { principal: ben }), failure('PERMISSION_DENIED', /ledger.read/))
  await assert.rejects(host.call('till', 'look', undefined, {}), failure('UNAUTHENTICATED', /ledger.read/))
})

test('an idempotency key is its caller’s own: nobody is answered what somebody else was', async (t) => {
  const { host } = await shop(t, { security })
  const writer: Principal = { ...ben, scopes: ['till:write'] }
  const book = (principal: Principal | undefined, idempotencyKey: string) =>
    host.call('till', 'book', undefined, { principal, idempotencyKey })
  const first = await book(ana, 'k')
  assert.equal(await book(ana, 'k'), first)
  const longest = 'k'.repeat(255)
  assert.equal(await book(ana, longest), await book(ana, longest))
  assert.notEqual(await book(writer, 'k'), first)
  assert.notEqual(await book(writer, JSON.stringify(['user', 'ana', 'k'])), first)
  assert.notEqual(await book({ ...writer, kind: 'service' }, JSON.stringify(['user', 'ana', 'k'])), first)
})

test('a service that reacts to an event acts for itself, and who began it goes along by name alone', async (t) => {
  const seen: unknown[] = []
  const { host, running } = await shop(t, { security }, seen)
  await host.call('till', 'book', undefined, { principal: ana, metadata: { tenant: 'acme' } })
  await quiet(running)
  const said = ['service till of none, begun by ana', 'ana']
  assert.deepEqual(seen, [...said, ...said])
})

test('a door hears who sends a request, and nobody from outside is a service', async (t) => {
  const { host } = await shop(t, { security })
  const ask = (name?: string) => host.authenticate!({ door: 'bare', header: () => name })
  assert.equal(await ask(), undefined)
  assert.deepEqual(await ask('ana'), ana)
  await assert.rejects(ask('eve'), failure('UNAUTHENTICATED', /Nobody is called that/))
  await assert.rejects(ask('root'), failure('INTERNAL', /of kind "service"/))
})

test('a door calls by name, and what cannot go along is refused', async (t) => {
  const { host } = await shop(t, { security })
  await assert.rejects(host.call('ledger', 'toString', undefined, {}), failure('UNIMPLEMENTED', /ledger.toString/))
  await assert.rejects(host.call('nobody', 'read', undefined, {}), failure('UNIMPLEMENTED', /nobody.read/))
  await assert.rejects(
    host.call('ledger', 'open', undefined, { metadata: { 'a b': '' } }),
    failure('INVALID_ARGUMENT', /metadata/),
  )
  await assert.rejects(
    host.call('ledger', 'open', undefined, { principal: { ...ana, scopes: [''] } }),
    failure('INVALID_ARGUMENT', /principal/),
  )
  const registry = await host.registry()
  assert.deepEqual(registry.instances('ledger'), [])
})
