import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Principal } from 'dure/contract'
import { consoleDoor } from './console.ts'
import { loadClient } from './files.ts'
import { openOnce } from './open-once.test-support.ts'
import { openShop, type Shop } from './shop.test-support.ts'

type Answered = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** As a program sends it that can say any Host and Origin. */
function send(
  url: string,
  how: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string } = {},
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: how.method ?? 'GET', headers: how.headers ?? {} }, (answer) => {
      let body = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
      answer.on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, body }))
    })
    sent.on('error', reject).end(how.body)
  })
}

const shopOnce = openOnce(openShop)
const JSON_TYPE = { 'content-type': 'application/json' }
const codeOf = ({ body }: Answered): string => (JSON.parse(body) as { error: { code: string } }).error.code
const tokenOf = (link: string): string => link.split('#open=')[1]!

async function enter({ url, link }: Pick<Shop, 'url' | 'link'>): Promise<string> {
  const answer = await send(`${url}/api/session`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ token: tokenOf(link()) }),
  })
  assert.equal(answer.status, 200, answer.body)
  return answer.headers['set-cookie']![0]!
}

test('a link lets in one browser, once; then there is another link, for the owner of the directory alone', async () => {
  const shop = await shopOnce()
  const session = `${shop.url}/api/session`
  assert.equal((await send(session)).status, 401)
  assert.equal((await send(`${shop.url}/api/operator`)).status, 401)

  const link = shop.link()
  const cookie = await enter(shop)
  assert.match(cookie, /^dure-console-\d+=\S+; Path=\/; HttpOnly; SameSite=Strict$/)
  const headers = { cookie: cookie.split(';')[0]! }
  const who = JSON.parse((await send(session, { headers })).body) as object
  assert.deepEqual({ ...who, subject: '' }, { system: 'shop', production: false, role: 'operator', subject: '' })
  const { contracts } = JSON.parse((await send(`${shop.url}/api/operator`, { headers })).body) as {
    readonly contracts: readonly { readonly name: string }[]
  }
  assert.ok(contracts.some(({ name }) => name === 'health'))

  const again = await send(session, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ token: tokenOf(link) }) })
  assert.deepEqual([again.status, codeOf(again)], [401, 'LINK_USED'])
  const file = join(shop.directory, 'console.link')
  assert.equal(statSync(file).mode & 0o077, 0)
  assert.equal(readFileSync(file, 'utf8'), `${shop.link()}\n`)
  assert.notEqual(shop.link(), link)
  await enter(shop)
})

test('a browser that was let in stays so over a restart, and one with a cookie of its own making does not', async () => {
  const first = await openShop()
  const cookie = (await enter(first)).split(';')[0]!
  const { port } = new URL(first.url)
  await first.running.stop()
  await using second = await openShop({ directory: first.directory, port: Number(port) })
  const asked = (value: string): Promise<Answered> => send(`${second.url}/api/session`, { headers: { cookie: value } })
  assert.equal((await asked(cookie)).status, 200)
  const [name, value] = cookie.split('=') as [string, string]
  const [until, signature] = value.split('.') as [string, string]
  assert.equal((await asked(`${name}=${Number(until) + 1}.${signature}`)).status, 401)
  assert.equal((await asked(`${name}=${until}.`)).status, 401)
  await first[Symbol.asyncDispose]()
})

test('a name of somebody else that leads here, and pages of other origins, are refused', async () => {
  const shop = await shopOnce()
  const cookie = (await enter(shop)).split(';')[0]!
  const { host, port } = new URL(shop.url)
  const ask = (headers: Record<string, string>): Promise<Answered> =>
    send(`${shop.url}/api/operator/health/show`, { method: 'POST', headers: { ...JSON_TYPE, cookie, ...headers }, body: '{}' })
  assert.equal((await ask({})).status, 200)
  assert.equal((await ask({ origin: `http://${host}`, 'sec-fetch-site': 'same-origin' })).status, 200)
  assert.equal((await ask({ host: `localhost:${port}` })).status, 200)
  const foreign: readonly Record<string, string>[] = [
    { host: `evil.example:${port}` },
    { host: 'evil.example' },
    { origin: 'http://evil.example' },
    { origin: `http://127.0.0.1:${Number(port) + 1}` },
    { origin: 'null' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site' },
  ]
  for (const headers of foreign) {
    const answer = await ask(headers)
    assert.deepEqual([answer.status, codeOf(answer)], [403, 'PERMISSION_DENIED'], JSON.stringify(headers))
  }
  const page = await send(shop.url, { headers: { host: 'evil.example' } })
  assert.equal(page.status, 403)
})

test('the page allows no script and no style but its own, and nothing from outside', async () => {
  const shop = await shopOnce()
  const page = await send(`${shop.url}/traces/4bf9?span=1`)
  assert.equal(page.status, 200)
  const policy = String(page.headers['content-security-policy'])
  assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/)
  assert.doesNotMatch(policy, /unsafe|https?:|\*|data:/)
  assert.equal(page.headers['x-content-type-options'], 'nosniff')
  assert.doesNotMatch(page.body, /https?:|<script>|<style|style=|\son\w+=/)
  const script = await send(`${shop.url}/console.js`, { headers: { 'accept-encoding': 'gzip' } })
  assert.equal(script.headers['content-encoding'], 'gzip')
  assert.equal(
    (await send(`${shop.url}/console.js`, { headers: { 'if-none-match': String(script.headers['etag']) } })).status,
    304,
  )
  assert.equal((await send(`${shop.url}/secret.js`)).status, 404)
  assert.equal((await send(shop.url, { method: 'DELETE' })).status, 405)
})

test('who may only look can change nothing, and who has neither role nor scope sees nothing', async () => {
  const known: Readonly<Record<string, Pick<Principal, 'kind' | 'scopes' | 'roles'>>> = {
    viewer: { kind: 'user', scopes: [], roles: ['dure:viewer'] },
    operator: { kind: 'user', scopes: [], roles: ['clerk', 'dure:operator'] },
    // All who log in at an application have its scopes.
    customer: { kind: 'user', scopes: ['dure:operate'], roles: ['clerk'] },
    watcher: { kind: 'client', scopes: ['dure:view'], roles: [] },
    robot: { kind: 'client', scopes: ['dure:operate'], roles: [] },
    packer: { kind: 'client', scopes: ['orders:write'], roles: ['dure:operator'] },
  }
  const security = {
    authenticate: ({ header }: { readonly header: (name: string) => string | undefined }) => {
      const subject = header('authorization')?.replace('Bearer ', '')
      return subject === undefined ? undefined : { subject, ...known[subject]! }
    },
  }
  await using shop = await openShop({ access: 'system', security, hosts: ['console.example'] })
  assert.equal(shop.link(), shop.url)
  const ask = (who: string | undefined, path: string): Promise<Answered> =>
    send(`${shop.url}/api/operator/${path}`, {
      method: 'POST',
      headers: { ...JSON_TYPE, host: 'console.example', ...(who && { authorization: `Bearer ${who}` }) },
      body: '{}',
    })
  assert.equal((await ask(undefined, 'health/show')).status, 401)
  for (const who of ['customer', 'packer']) assert.equal((await ask(who, 'health/show')).status, 403, who)
  for (const who of ['viewer', 'watcher']) {
    assert.equal((await ask(who, 'health/show')).status, 200, who)
    assert.equal((await ask(who, 'letters/retry')).status, 403, who)
  }
  for (const who of ['operator', 'robot']) assert.equal((await ask(who, 'letters/retry')).status, 200, who)
  const who = await send(`${shop.url}/api/session`, { headers: { authorization: 'Bearer viewer' } })
  assert.deepEqual(JSON.parse(who.body), { system: 'shop', production: true, role: 'viewer', subject: 'viewer' })
  assert.equal((await send(`${shop.url}/api/session`, { method: 'POST', headers: JSON_TYPE, body: '{"token":"x"}' })).status, 409)
})

test('a console for whoever has a link opens on no address but this machine, and one that asks the system on no system that asks nobody', async () => {
  assert.throws(() => consoleDoor({ host: '0.0.0.0' }), /to whoever has a link/)
  assert.equal(consoleDoor({ host: '0.0.0.0', access: 'system' }).name, 'console')
  await assert.rejects(openShop({ access: 'system' }), /finds out nothing of who calls/)
})

test('all that a browser loads is no more than 120 KB', async () => {
  const sizes = Object.values(await loadClient()).map((text) => gzipSync(text).length)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  assert.ok(total < 120 * 1024, `${total} bytes`)
  assert.ok(total > 20 * 1024, 'it looks at nothing')
})
