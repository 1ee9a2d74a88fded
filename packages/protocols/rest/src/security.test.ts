import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CallError, contract, query, stream, type Principal } from 'dure/contract'
import { service, start, system, type Authenticate } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { rest } from './rest.ts'
import { ask } from './rest.test-support.ts'

const Diary = contract('diary', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    read: query({ input: z.object({ day: z.int() }), output: z.string(), scope: 'diary:read', http: 'GET /diary/{day}' }),
    follow: stream({ output: z.string(), scope: 'diary:read', http: 'GET /diary' }),
    known: query({ input: z.object({ day: z.int() }), output: z.string(), access: 'authenticated', http: 'GET /known/{day}' }),
    proofread: query({ output: z.string(), roles: ['editor', 'owner'], http: 'GET /proof' }),
    own: query({
      input: z.object({ owner: z.string() }),
      output: z.string(),
      authorize: ({ subject }, { owner }) => subject === owner,
      http: 'GET /of/{owner}',
    }),
    size: query({ output: z.record(z.string(), z.string()), http: 'GET /size' }),
  },
})
const diary = service(Diary, {
  handlers: {
    read: (_, { principal }) => `read by ${principal!.subject}`,
    follow: async function* (_, { principal }) {
      yield principal!.subject
    },
    known: (_, { principal }) => principal!.subject,
    proofread: (_, { principal }) => principal!.roles.join(),
    own: ({ owner }) => owner,
    size: (_, { metadata }) => ({ ...metadata }),
  },
})
const people: Readonly<Record<string, Principal>> = {
  'Bearer ana': { subject: 'ana', kind: 'user', scopes: ['diary:read'], roles: ['editor'] },
  'Bearer ben': { subject: 'ben', kind: 'user', scopes: [], roles: [] },
}
const authenticate: Authenticate = async ({ door, header }) => {
  assert.equal(door, 'rest')
  const token = header('authorization')
  if (token === undefined) return undefined
  if (token === 'Bearer broken') throw new Error('the key store is away')
  if (!Object.hasOwn(people, token)) throw new CallError('UNAUTHENTICATED', 'The token is not one of this system')
  return people[token]
}

test('a request without the scope is 401 or 403, with what is missing; one that has it is served', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-rest-'))
  const shop = system('shop', { services: [diary], doors: [rest({ port: 0 })], security: { authenticate } })
  const running = await start(shop, { directory, log: silentLogger() })
  t.after(() => running.stop())
  const url = running.doors[0]!.url!
  const get = (path: string, headers: Record<string, string> = {}) => ask(`${url}${path}`, { headers })

  const nobody = await get('/diary/1')
  assert.deepEqual([nobody.status, nobody.headers.get('www-authenticate')], [401, 'Bearer'])
  assert.match(JSON.stringify(nobody.body), /diary:read/)
  const ben = await get('/diary/1', { authorization: 'Bearer ben' })
  assert.equal(ben.status, 403)
  assert.match(String((ben.body as { detail?: unknown }).detail), /diary\.read .*"diary:read"/)
  assert.equal((await get('/diary/1', { authorization: 'Bearer ana' })).body, 'read by ana')
  assert.equal((await get('/diary', { authorization: 'Bearer ben' })).status, 403)
  assert.equal((await get('/diary', { authorization: 'Bearer ana' })).status, 200)
  // Who says something false is refused wherever it is said; and before its input is looked at.
  assert.equal((await get('/size', { authorization: 'Bearer eve' })).status, 401)
  assert.equal((await get('/diary/x?y', { authorization: 'Bearer eve' })).status, 401)
  const broken = await get('/size', { authorization: 'Bearer broken' })
  assert.equal(broken.status, 500)
  assert.doesNotMatch(JSON.stringify(broken.body), /key store/)
  assert.equal((await get('/size')).status, 200)

  const document = (await get('/openapi.json')).body as unknown as {
    paths: Record<string, { get: { security?: unknown; responses: object } }>
  }
  assert.deepEqual(document.paths['/diary/{day}']!.get.security, [{ token: ['diary:read'] }])
  assert.ok('401' in document.paths['/diary/{day}']!.get.responses && '403' in document.paths['/diary/{day}']!.get.responses)
  assert.equal(document.paths['/size']!.get.security, undefined)
})

test('roles, access and authorize refuse as scopes do; identity that a request claims in headers is nobody’s', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-rest-'))
  const shop = system('shop', { services: [diary], doors: [rest({ port: 0 })], security: { authenticate } })
  const running = await start(shop, { directory, log: silentLogger() })
  t.after(() => running.stop())
  const [ana, ben] = [{ authorization: 'Bearer ana' }, { authorization: 'Bearer ben' }]
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const { status, body } = await ask(`${running.doors[0]!.url!}${path}`, { headers })
    return status === 200 ? body : [status, (body as { code?: unknown }).code]
  }
  const [unknown, denied, invalid] = [
    [401, 'UNAUTHENTICATED'],
    [403, 'PERMISSION_DENIED'],
    [400, 'INVALID_ARGUMENT'],
  ]
  assert.deepEqual(await Promise.all([get('/known/1'), get('/known/x'), get('/known/1?y=1')]), [unknown, unknown, unknown])
  assert.deepEqual(await Promise.all([get('/known/1', ben), get('/known/x', ben), get('/known/1?y=1', ben)]), [
    'ben',
    invalid,
    invalid,
  ])
  assert.deepEqual(await Promise.all([get('/proof'), get('/proof', ben), get('/proof', ana)]), [unknown, denied, 'editor'])
  assert.deepEqual(await Promise.all([get('/of/ana'), get('/of/ana', ben), get('/of/ana', ana)]), [unknown, denied, 'ana'])
  const principal = JSON.stringify(people['Bearer ana'])
  const claims = [
    'x-user',
    'x-forwarded-user',
    'x-remote-user',
    'x-principal',
    'x-dure-principal',
    'dure-principal',
    'principal',
    'x-scope',
  ]
  const headers = Object.fromEntries(claims.map((name) => [name, principal]))
  assert.deepEqual(
    await get('/known/1', { ...headers, baggage: `principal=${encodeURIComponent(principal)}`, 'x-user-id': 'ana' }),
    unknown,
  )
  const { paths } = (await get('/openapi.json')) as unknown as { paths: Record<string, { get: Record<string, unknown> }> }
  assert.deepEqual(paths['/known/{day}']!.get['security'], [{ token: [] }])
  assert.deepEqual(paths['/proof']!.get['x-dure-roles'], ['editor', 'owner'])
})

test('a baggage header reaches the handler as metadata, as far as it can be read', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-rest-'))
  const shop = system('shop', { services: [diary], doors: [rest({ port: 0 })], security: 'off' })
  const running = await start(shop, { directory, log: silentLogger() })
  t.after(() => running.stop())
  const sizeWith = async (baggage: string) => (await ask(`${running.doors[0]!.url!}/size`, { headers: { baggage } })).body
  assert.deepEqual(await sizeWith('tenant=acme%20ltd;secret, broken, plan=pro'), { tenant: 'acme ltd', plan: 'pro' })
  assert.deepEqual(await sizeWith('==;;,,'), {})
})
