import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { rest } from '@dure/rest'
import { command, contract, event, query, type CallError, type Principal } from 'dure/contract'
import { database } from 'dure/data'
import { newApiKey, security } from 'dure/security'
import { service, start, system, type Running } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { authenticate } from './gateway.ts'
import { before, started } from './gateway.test-support.ts'

const Noted = event('till.noted', { schema: z.object({ id: z.string() }), key: ({ id }) => id })
const owner = z.object({ owner: z.string() })
const Ledger = contract('ledger', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    open: query({ output: z.string(), http: 'GET /open' }),
    known: query({ output: z.string(), access: 'authenticated', http: 'GET /known' }),
    read: query({ output: z.string(), scope: 'ledger:read', http: 'GET /read' }),
    staff: query({ output: z.string(), scope: 'ledger:read', roles: ['auditor'], http: 'GET /staff' }),
    own: query({
      input: owner,
      output: z.string(),
      authorize: (who, input) => who.subject === input.owner,
      http: 'GET /own/{owner}',
    }),
  },
})
const Till = contract('till', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    through: query({ output: z.string(), http: 'GET /through' }),
    guarded: query({ output: z.string(), http: 'GET /guarded' }),
    note: command({ http: 'POST /note' }),
    heard: query({ output: z.array(z.string()), http: 'GET /heard' }),
  },
  events: [Noted],
})
const nobody = (who: Principal | undefined): string =>
  `${who?.kind ?? 'nobody'} ${who?.subject ?? ''} ${who?.initiator ?? ''}`.trim()
const ledger = service(Ledger, {
  handlers: {
    open: (_, { principal }) => nobody(principal),
    known: (_, { principal }) => nobody(principal),
    read: (_, { principal }) => nobody(principal),
    staff: (_, { principal }) => nobody(principal),
    own: (_, { principal }) => nobody(principal),
  },
})
const till = service(Till, {
  needs: { ledger: Ledger },
  database: database<{ heard: { who: string } }>({ migrations: { '001': 'CREATE TABLE heard (who TEXT NOT NULL)' } }),
  handlers: {
    through: (_, { ledger }) => ledger.known(),
    guarded: (_, { ledger }) => ledger.read(),
    note: async (_, { database }) => void (await database.transaction((tx) => tx.publish(Noted, { id: 'n' }))),
    heard: async (_, { database }) => (await database.read.selectFrom('heard').select('who').execute()).map(({ who }) => who),
  },
  subscriptions: ({ on }) => [
    on(Noted, {
      prepare: (_, { ledger }) => ledger.open(),
      handle: async ({ initiator }, { tx }, seen) => {
        await tx
          .insertInto('heard')
          .values({ who: `${initiator ?? 'nobody'}: ${seen}` })
          .execute()
      },
    }),
  ],
})

const keys = { ana: newApiKey(), ben: newApiKey() }
const scopes = ['ledger:read']
const people: Readonly<Record<string, Principal | undefined>> = {
  nobody: undefined,
  ana: { subject: 'ana', kind: 'client', scopes, roles: ['auditor'] },
  ben: { subject: 'ben', kind: 'client', scopes: [], roles: [] },
}
const access = security({
  apiKeys: [
    { subject: 'ana', digest: keys.ana.digest, scopes, roles: ['auditor'] },
    { subject: 'ben', digest: keys.ben.digest, scopes: [] },
  ],
})
const headersOf = (who: string): Record<string, string> =>
  who === 'nobody' ? {} : { 'x-api-key': keys[who as keyof typeof keys].key }
const ASKED = [
  ...(['open', 'known', 'read', 'staff'] as const).map((name) => ({
    service: 'ledger',
    name,
    input: undefined,
    path: `/${name}`,
  })),
  { service: 'ledger', name: 'own', input: { owner: 'ana' }, path: '/own/ana' },
  ...(['through', 'guarded'] as const).map((name) => ({ service: 'till', name, input: undefined, path: `/${name}` })),
]

/** One process, or one for each: all between these goes through sockets and the registry. */
async function placed(t: TestContext, parts: readonly (readonly string[] | undefined)[]): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-refusals-'))
  const all: Running[] = []
  t.after(async () => {
    for (const one of all.toReversed()) await one.stop({ everything: true })
    rmSync(directory, { recursive: true, force: true })
  })
  for (const part of parts) {
    const shop = system('shop', {
      ...{ services: [ledger, till], doors: [rest({ port: 0 })], security: access, telemetry: false, placement: 'each' },
    })
    all.push(await start(shop, { directory, log: silentLogger(), ...(part !== undefined && { part }) }))
  }
  return all.at(-1)!
}

const code = async (work: () => Promise<unknown>): Promise<unknown> => work().catch((error: unknown) => (error as CallError).code)
async function overHttp(url: string, path: string, who: string): Promise<unknown> {
  const answer = await fetch(url + path, { headers: headersOf(who) })
  const body = (await answer.json()) as { code?: string }
  return answer.ok ? body : body.code
}

const PLACES = { together: [undefined], split: [['broker'], ['ledger'], ['till'], ['doors']] } as const
test('who may not is refused alike, and who may is known alike: together, split, over HTTP, through the gateway, two services away', async (t) => {
  const seen: Record<string, unknown> = {}
  for (const [place, parts] of Object.entries(PLACES)) {
    const running = await placed(t, parts)
    const { url } = running.doors[0]!
    const filters = [authenticate(access.consumer, { optional: true })]
    const edge = await started(t, { routes: before(new URL(url!).host, { filters }) })
    for (const [who, principal] of Object.entries(people))
      for (const { service, name, input, path } of ASKED) {
        const said = {
          called: await code(() => running.call(service, name, input, { principal })),
          http: await overHttp(url!, path, who),
          gateway: await overHttp(edge.url, path, who),
        }
        assert.deepEqual([said.http, said.gateway], [said.called, said.called], `${place}: ${who} ${name}`)
        seen[`${who} ${name}`] ??= said.called
        assert.equal(said.called, seen[`${who} ${name}`], `${place}: ${who} ${name}`)
      }
    // A user is known to the next service, and named in what that does later; who reacts acts as itself.
    const noted = await fetch(`${edge.url}/note`, { method: 'POST', headers: headersOf('ana') })
    assert.equal(noted.status, 204)
    const heard = () => running.call('till', 'heard', undefined, {}) as Promise<readonly string[]>
    while ((await heard()).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.deepEqual(await heard(), ['ana: service till ana'], place)
  }
  assert.deepEqual(seen, {
    ...{ 'nobody open': 'nobody', 'nobody known': 'UNAUTHENTICATED', 'nobody read': 'UNAUTHENTICATED' },
    ...{ 'nobody staff': 'UNAUTHENTICATED', 'nobody own': 'UNAUTHENTICATED' },
    ...{ 'nobody through': 'UNAUTHENTICATED', 'nobody guarded': 'UNAUTHENTICATED' },
    ...{ 'ana open': 'client ana', 'ana known': 'client ana', 'ana read': 'client ana', 'ana staff': 'client ana' },
    ...{ 'ana own': 'client ana', 'ana through': 'client ana', 'ana guarded': 'client ana' },
    ...{ 'ben open': 'client ben', 'ben known': 'client ben', 'ben read': 'PERMISSION_DENIED', 'ben staff': 'PERMISSION_DENIED' },
    ...{ 'ben own': 'PERMISSION_DENIED', 'ben through': 'client ben', 'ben guarded': 'PERMISSION_DENIED' },
  })
})
