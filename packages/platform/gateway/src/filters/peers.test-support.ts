/** What comes of tokens that jwcrypto and a real Keycloak have signed, in front of services and behind a gateway: one line a check. */
import assert from 'node:assert/strict'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rest } from '@dure/rest'
import { freePort } from '@dure/testing/servers'
import { CallError, contract, query } from 'dure/contract'
import { keycloak, security, type AccessSecurity, type IssuerOptions } from 'dure/security'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { authenticate, authorize, startGateway, tokens } from '../gateway.ts'

const [python = '', script = '', distribution = ''] = process.argv.slice(2)
/** A machine may be slow: how long Keycloak takes is not what is looked at. */
const LONG = 900_000
const directory = mkdtempSync(join(tmpdir(), 'dure-tokens-peers-'))
const ends: (() => unknown)[] = []

let failed = false
async function check(name: string, work: () => Promise<string>): Promise<void> {
  const said = await work().catch((error: unknown) => error as Error)
  failed ||= said instanceof Error
  console.log(said instanceof Error ? `✖ ${name}: ${said.stack}` : `✔ ${name}: ${said}`)
}

const Orders = contract('orders', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    whose: query({ output: z.string(), access: 'authenticated', http: 'GET /whose' }),
    staff: query({ output: z.string(), roles: ['staff'], http: 'GET /staff' }),
  },
})

/** Services that take the tokens, behind a gateway that looks at them as well: what its clients are answered. */
async function shop(name: string, access: AccessSecurity) {
  const log = silentLogger()
  const handlers = {
    whose: (_: unknown, { principal }: { principal?: { subject: string } | undefined }) => principal!.subject,
    staff: () => 'staff',
  }
  const folder = join(directory, name)
  mkdirSync(folder)
  const inner = await start(
    system('shop', { services: [service(Orders, { handlers })], doors: [rest({ port: 0 })], security: access }),
    { directory: folder, log },
  )
  const edge = await startGateway({
    port: 0,
    log,
    routes: {
      filters: [authenticate(access.consumer)],
      routes: { all: { prefix: '/', to: 'shop' } },
      upstreams: { shop: { addresses: [new URL(inner.doors[0]!.url!).host] } },
    },
  })
  ends.push(
    () => edge.stop(),
    () => inner.stop(),
  )
  return async (path: string, token: string): Promise<unknown> => {
    const response = await fetch(`${edge.url}${path}`, { headers: { authorization: `Bearer ${token}` } })
    return response.ok ? response.json() : (await response.body?.cancel(), response.status)
  }
}

type Made = { readonly keys: object[]; readonly good: Record<string, string>; readonly bad: Record<string, string> }

async function jwcrypto(): Promise<string> {
  let keys: object[] = []
  const server = createServer((_, response) => response.end(JSON.stringify({ keys })))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(() => server.close())
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const made = JSON.parse(execFileSync(python, ['-W', 'ignore', script, issuer, 'shop'], { encoding: 'utf8' })) as Made
  keys = made.keys
  const get = await shop('jwcrypto', security({ issuers: [{ issuer, keys: `${issuer}/jwks` }], audience: 'shop' }))
  for (const [name, token] of Object.entries(made.good)) assert.equal(await get('/whose', token), 'ana', name)
  for (const [name, token] of Object.entries(made.bad)) assert.equal(await get('/whose', token), 401, name)
  return `taken ${Object.keys(made.good).join(', ')}; refused ${Object.keys(made.bad).join(', ')}`
}

const AUDIENCE = {
  ...{ name: 'audience', protocol: 'openid-connect', protocolMapper: 'oidc-audience-mapper' },
  config: { 'included.custom.audience': 'shop-api', 'access.token.claim': 'true', 'id.token.claim': 'false' },
}
const REALM = {
  ...{ realm: 'shop', enabled: true, sslRequired: 'none', accessTokenLifespan: 300 },
  roles: { realm: [{ name: 'staff' }] },
  users: [
    {
      ...{ username: 'ana', enabled: true, email: 'ana@example.com', firstName: 'Ana', lastName: 'Kim', emailVerified: true },
      ...{ credentials: [{ type: 'password', value: 'secret', temporary: false }], realmRoles: ['staff'] },
    },
  ],
  clients: [
    { clientId: 'web', enabled: true, publicClient: true, directAccessGrantsEnabled: true, protocolMappers: [AUDIENCE] },
    {
      ...{ clientId: 'robot', enabled: true, secret: 'robot-secret', serviceAccountsEnabled: true },
      ...{ standardFlowEnabled: false, protocolMappers: [AUDIENCE] },
    },
    { clientId: 'other', enabled: true, publicClient: true, directAccessGrantsEnabled: true },
  ],
}

async function until<T>(look: () => Promise<T | undefined>, what: string): Promise<T> {
  for (const began = Date.now(); Date.now() - began < LONG;) {
    const found = await look().catch(() => undefined)
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error(`Waited in vain: ${what}`)
}

/** A server that knows nothing of tokens, behind a gateway that lets in who may. */
async function guarded(issuer: IssuerOptions): Promise<(path: string, token: string) => Promise<number>> {
  const server = createServer((_, response) => response.end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const edge = await startGateway({
    port: 0,
    log: silentLogger(),
    routes: {
      filters: [tokens(issuer)],
      routes: {
        staff: { prefix: '/staff', to: 'plain', filters: [authorize({ roles: ['staff'] })] },
        profile: { prefix: '/profile', to: 'plain', filters: [authorize({ scope: 'profile' })] },
        all: { prefix: '/', to: 'plain' },
      },
      upstreams: { plain: { addresses: [`127.0.0.1:${(server.address() as AddressInfo).port}`] } },
    },
  })
  ends.push(
    () => edge.stop(),
    () => server.close(),
  )
  return async (path, token) => {
    const response = await fetch(`${edge.url}${path}`, { headers: { authorization: `Bearer ${token}` } })
    await response.body?.cancel()
    return response.status
  }
}

/** Who may pass is decided at the gateway alone, by what Keycloak's tokens say. */
async function authorized(url: string, realm: IssuerOptions): Promise<string> {
  const ask = await guarded(realm)
  const [ana, robot] = [await give(url, 'shop', ANA), await give(url, 'shop', ROBOT)]
  const statuses = (token: string): Promise<number[]> =>
    Promise.all(['/any', '/staff', '/profile'].map((path) => ask(path, token)))
  assert.deepEqual(await statuses(ana.access_token), [200, 200, 200])
  assert.equal((await statuses(robot.access_token))[1], 403)
  assert.deepEqual(await statuses(ana.id_token!), [401, 401, 401])
  return 'a user of the role passes, a program without it is refused with 403, an identity token with 401'
}

async function startKeycloak(): Promise<string> {
  // It builds itself in its own folder, and the one that was installed is for the next time as well.
  const folder = join(directory, 'keycloak')
  cpSync(distribution, folder, { recursive: true })
  mkdirSync(join(folder, 'data/import'), { recursive: true })
  writeFileSync(join(folder, 'data/import/shop.json'), JSON.stringify(REALM))
  const [port, management] = [await freePort(), await freePort()]
  const child: ChildProcess = spawn(
    'bash',
    [
      ...[join(folder, 'bin/kc.sh'), 'start-dev', '--import-realm', '--cache=local', '--http-host=127.0.0.1'],
      ...[`--http-port=${port}`, `--http-management-port=${management}`],
    ],
    {
      env: {
        ...process.env,
        ...{ KC_BOOTSTRAP_ADMIN_USERNAME: 'admin', KC_BOOTSTRAP_ADMIN_PASSWORD: 'admin', JAVA_OPTS_KC_HEAP: '-Xms128m -Xmx512m' },
      },
      stdio: ['ignore', 'pipe', 'inherit'],
      // Its shell runs Java as a child: both end together.
      detached: true,
    },
  )
  let said = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2_000)))
  ends.push(async () => {
    if (child.exitCode !== null) return
    const closed = once(child, 'close')
    process.kill(-child.pid!, 'SIGKILL')
    await closed
  })
  const url = `http://127.0.0.1:${port}`
  const serves = async (): Promise<true | undefined> => {
    if (child.exitCode !== null) return true
    return (await fetch(`${url}/realms/shop`)).ok ? true : undefined
  }
  await until(serves, 'Keycloak serves its realm').catch((error: Error) => {
    throw new Error(`${error.message}; the last it said: ${said}`)
  })
  if (child.exitCode !== null) throw new Error(`Keycloak ended; the last it said: ${said}`)
  return url
}

type Given = { readonly access_token: string; readonly id_token?: string; readonly refresh_token?: string }

async function give(url: string, realm: string, form: Readonly<Record<string, string>>): Promise<Given> {
  const response = await fetch(`${url}/realms/${realm}/protocol/openid-connect/token`, {
    method: 'POST',
    body: new URLSearchParams(form),
  })
  assert.equal(response.status, 200, await response.clone().text())
  return (await response.json()) as Given
}
const ANA = { grant_type: 'password', client_id: 'web', username: 'ana', password: 'secret', scope: 'openid' }
const ROBOT = { grant_type: 'client_credentials', client_id: 'robot', client_secret: 'robot-secret' }

async function keycloakTokens(url: string, get: Awaited<ReturnType<typeof shop>>): Promise<string> {
  const [ana, robot] = [await give(url, 'shop', ANA), await give(url, 'shop', ROBOT)]
  const whose = await get('/whose', ana.access_token)
  assert.match(String(whose), /^[0-9a-f-]{36}$/)
  assert.equal(await get('/staff', ana.access_token), 'staff')
  assert.equal(await get('/whose', robot.access_token), 'robot')
  assert.equal(await get('/staff', robot.access_token), 403)
  assert.equal(await get('/whose', ana.id_token!), 401)
  assert.equal(await get('/whose', ana.refresh_token!), 401)
  assert.equal(await get('/whose', (await give(url, 'shop', { ...ANA, client_id: 'other' })).access_token), 401)
  assert.equal(await get('/whose', (await give(url, 'master', { ...ADMIN })).access_token), 401)
  return 'a user’s and a program’s are taken, with their roles; an identity token, one that gets others, one for somebody else and one of another realm are not'
}
const ADMIN = { grant_type: 'password', client_id: 'admin-cli', username: 'admin', password: 'admin' }

/** A key that signs from now on, in place of those before. */
async function rotate(url: string, priority: number): Promise<void> {
  const { access_token: token } = await give(url, 'master', ADMIN)
  const ask = async (path: string, body?: object): Promise<Response> =>
    fetch(`${url}/admin/realms/shop${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
  const { id } = (await (await ask('')).json()) as { readonly id: string }
  const made = await ask('/components', {
    ...{ name: `rsa-${priority}`, providerId: 'rsa-generated', providerType: 'org.keycloak.keys.KeyProvider', parentId: id },
    config: { priority: [String(priority)], enabled: ['true'], active: ['true'], algorithm: ['RS256'], keySize: ['2048'] },
  })
  assert.equal(made.status, 201, await made.text())
}

async function rotation(url: string, get: Awaited<ReturnType<typeof shop>>, access: AccessSecurity): Promise<string> {
  const kidOf = (token: string): string =>
    (JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as { kid: string }).kid
  let going = true
  let [asked, refused] = [0, 0]
  const seen = new Set<string>()
  const kids = new Set<string>()
  const work = async (): Promise<void> => {
    while (going) {
      const { access_token: token } = await give(url, 'shop', ROBOT)
      seen.add(token)
      kids.add(kidOf(token))
      for (let times = 0; times < 5; times++) {
        asked++
        if ((await get('/whose', token)) !== 'robot') refused++
      }
    }
  }
  const workers = Array.from({ length: 4 }, work)
  const all = Promise.all(workers)
  await until(async () => (seen.size > 20 ? true : undefined), 'tokens are given and taken')
  const before = access.status()[0]!.unknownFetches
  await rotate(url, 500)
  await until(async () => (kids.size > 1 ? true : undefined), 'Keycloak signs with its new key')
  const then = seen.size
  await until(async () => (seen.size > then + 20 ? true : undefined), 'tokens of the new key are taken')
  going = false
  await all
  assert.equal(refused, 0)
  assert.equal(kids.size, 2)
  const fetched = access.status()[0]!.unknownFetches - before
  assert.equal(fetched, 1)
  return `0 of ${asked} requests with ${seen.size} tokens were refused; the new key was asked for ${fetched} time`
}

try {
  await check('tokens of jwcrypto', jwcrypto)
  if (!existsSync(distribution)) await check('Keycloak', () => Promise.reject(new CallError('NOT_FOUND', 'It is not installed')))
  else {
    let url = ''
    await check('Keycloak', async () => {
      url = await startKeycloak()
      return url
    })
    if (url !== '') {
      const realm = keycloak({ url, realm: 'shop', audience: 'shop-api' })
      const access = security({ issuers: [realm] })
      const get = await shop('of-keycloak', access)
      await check('tokens of Keycloak', () => keycloakTokens(url, get))
      await check('a gateway decides who may pass, by roles and scopes of Keycloak', () => authorized(url, realm))
      await check('its key is rotated under load', () => rotation(url, get, access))
    }
  }
} finally {
  for (const end of ends.toReversed()) await end()
  rmSync(directory, { recursive: true, force: true })
}
if (failed) process.exitCode = 1
