import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { AuditLine } from 'dure/audit'
import { asking, browser, configure, logIn, PASSWORD, saidBy, SHOP, started, typing, type Browser } from './auth.test-support.ts'
import { languageOf } from 'dure/door/internal'

const titleOf = (text: string): string => /<h1>(.*?)<\/h1>/.exec(text)![1]!
const faultOf = (text: string): string | undefined => /role="alert">(.*?)</.exec(text)?.[1]
/** All of a page but what is said of this login alone. */
const plain = (text: string): string => text.replace(/value="[^"]*"/g, '')

async function toLogin(
  at: Browser,
  issuer: string,
  id: string = 'web',
  parameters: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return at.follow(await at.go((await asking(await configure(issuer, id), parameters)).url.href))
}

test('the page says the same of a wrong password, of nobody, and of who may not log in', async (t) => {
  const lines: AuditLine[] = []
  const { issuer, users } = await started(t, { audit: (line) => void lines.push(line) })
  await users.add({ name: 'ana', password: PASSWORD })
  await users.add({ name: 'bob', password: PASSWORD })
  await users.disable('bob')
  const at = browser(issuer)
  const page = await toLogin(at, issuer)
  const answers = await Promise.all(
    [
      ['ana', 'not the password'],
      ['nobody', PASSWORD],
      ['bob', PASSWORD],
      ['', ''],
      ['<script>alert(1)</script>', 'x'],
    ].map(async ([name, password]) => {
      const answer = await typing(at, page, name!, password!)
      return { status: answer.status, text: await answer.text() }
    }),
  )
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [400])
  assert.equal(new Set(answers.slice(0, 3).map(({ text }) => plain(text))).size, 1)
  assert.equal(faultOf(answers[0]!.text), 'The user name or the password is not right.')
  assert.doesNotMatch(answers[4]!.text, /<script>/)
  assert.deepEqual(
    lines
      .filter(({ action }) => action === 'auth.login.refused')
      .map(({ about }) => about!['reason'])
      .toSorted(),
    ['credentials', 'credentials', 'credentials', 'credentials', 'disabled'],
  )
  // Nothing that was typed is in a line but the name, which can be erased.
  assert.doesNotMatch(JSON.stringify(lines), /horse|not the password/)
  assert.equal(new URL((await typing(at, page, 'ana')).headers.get('location')!).searchParams.has('code'), true)
})

test('failed logins are counted for the account and for the address, together in all, and a right one forgives', async (t) => {
  const limits = { accountFailures: 3, addressFailures: 6, failureWindow: 600_000 }
  const { issuer, users } = await started(t, { limits, address: ({ header }) => header('x-test-address') ?? 'nowhere' })
  await users.add({ name: 'ana', password: PASSWORD })
  await users.add({ name: 'bob', password: PASSWORD })
  const at = browser(issuer)
  const page = await toLogin(at, issuer)
  const attempt = async (name: string, password: string, address: string): Promise<number> =>
    (await at.go(page.url, { name, password, act: 'login' }, { 'x-test-address': address })).status
  // Many at once are no way around.
  const raced = await Promise.all(['1', '2', '3', '4', '5'].map((n) => attempt('ana', 'wrong', `10.0.0.${n}`)))
  assert.deepEqual(raced.toSorted(), [400, 400, 400, 429, 429])
  // The account is closed to whoever comes, with the right password too; others are not.
  assert.equal(await attempt('ana', PASSWORD, '10.0.0.9'), 429)
  assert.equal(await attempt('bob', 'wrong', '10.0.0.9'), 400)
  // An address that tries many names; of IPv6, whoever has the network.
  for (const n of [1, 2, 3, 4, 5, 6]) assert.equal(await attempt(`nobody${n}`, 'wrong', `2001:db8::${n}`), 400)
  assert.equal(await attempt('bob', PASSWORD, '2001:db8::ffff'), 429)
  const text = async (name: string, address: string): Promise<string> =>
    plain(await (await at.go(page.url, { name, password: 'x', act: 'login' }, { 'x-test-address': address })).text())
  assert.equal(await text('ana', '10.0.0.8'), await text('nobody9', '2001:db8::1'))
  assert.equal(await attempt('bob', 'wrong', '10.0.0.8'), 400)
  assert.equal(await attempt('bob', PASSWORD, '10.0.0.8'), 303)
})

test('people are asked whether an application of others may, and may say no', async (t) => {
  const lines: AuditLine[] = []
  const { issuer, users } = await started(t, { audit: (line) => void lines.push(line) })
  await users.add({ name: 'ana', password: PASSWORD })
  const at = browser(issuer)
  const asked = await typing(at, await toLogin(at, issuer, 'phone'), 'ana')
  const text = await asked.text()
  assert.equal(titleOf(text), 'Phone asks for access')
  assert.deepEqual([...text.matchAll(/<li>(.*?)<\/li>/g)].map(([, said]) => said).toSorted(), [
    ...['Know who you are', 'Read your user name', 'See your orders'],
  ])
  const no = await at.follow(await at.go(asked.url, { act: 'cancel' }))
  assert.equal(new URL(no.headers.get('location')!).searchParams.get('error'), 'access_denied')
  const again = await toLogin(at, issuer, 'phone')
  const yes = await at.follow(await at.go(again.url, { act: 'allow' }))
  assert.ok(new URL(yes.headers.get('location')!).searchParams.get('code'))
  // What was allowed is not asked again; an application of the system itself asks nobody.
  for (const id of ['phone', 'web'])
    assert.ok(new URL((await toLogin(at, issuer, id)).headers.get('location')!).searchParams.get('code'))
  const scopes = ['openid', 'profile', 'orders:read']
  assert.deepEqual(lines.find(({ action }) => action === 'auth.consent')?.about, { client: 'phone', scopes })
})

test('a page says nothing to other sites, and takes no form from them', async (t) => {
  const { issuer, users } = await started(t)
  await users.add({ name: 'ana', password: PASSWORD })
  const at = browser(issuer)
  const page = await toLogin(at, issuer)
  const text = await page.text()
  assert.match(text, /autocomplete="username"/)
  assert.match(text, /autocomplete="current-password"/)
  assert.doesNotMatch(text, /<script|https?:\/\/(?!127)/)
  const policy = page.headers.get('content-security-policy')!
  for (const part of [
    "default-src 'none'",
    "frame-ancestors 'none'",
    "form-action 'self' https://client.test",
    "base-uri 'none'",
  ])
    assert.ok(policy.includes(part), part)
  const style = /<style>(.*?)<\/style>/s.exec(text)![1]!
  assert.ok(policy.includes(`style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`))
  assert.equal(page.headers.get('cache-control'), 'no-store')
  const form = { name: 'ana', password: PASSWORD, act: 'login' }
  assert.equal((await at.go(page.url, form, { 'sec-fetch-site': 'cross-site' })).status, 403)
  // Somebody else's page, in a browser that did not ask for it.
  const elsewhere = browser(issuer)
  assert.equal((await elsewhere.go(page.url, form)).status, 400)
  await toLogin(elsewhere, issuer)
  assert.equal((await elsewhere.go(page.url, form)).status, 400)
  assert.equal((await at.go(page.url, { ...form, password: 'x'.repeat(20_000) })).status, 400)
  assert.equal((await fetch(page.url, { method: 'PUT' })).status, 405)
})

test('a login does not begin when its audit line cannot be written', async (t) => {
  let works = false
  const audit = (): void => {
    if (!works) throw new Error('the log is away')
  }
  const { issuer, users } = await started(t, { audit })
  await users.add({ name: 'ana', password: PASSWORD })
  const at = browser(issuer)
  const page = await toLogin(at, issuer)
  assert.equal((await typing(at, page, 'ana')).status, 503)
  works = true
  assert.ok((await typing(at, page, 'ana')).headers.get('location'))
})

test('over HTTPS cookies are of the host alone, whatever stands before the server', async (t) => {
  const { url } = await started(t, { issuer: 'https://login.shop.example' })
  const said = (await (await fetch(`${url}/.well-known/openid-configuration`)).json()) as Record<string, string>
  assert.equal(said['issuer'], 'https://login.shop.example')
  assert.equal(said['token_endpoint'], 'https://login.shop.example/token')
  const query = 'client_id=web&response_type=code&scope=openid&redirect_uri=https://client.test/callback'
  const answer = await fetch(`${url}/auth?${query}&code_challenge=${'a'.repeat(43)}&code_challenge_method=S256`, {
    redirect: 'manual',
    headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http', host: 'evil.example' },
  })
  assert.match(answer.headers.get('location')!, /^\/login\//)
  const cookies = answer.headers.getSetCookie()
  assert.ok(cookies.length >= 2)
  for (const cookie of cookies) {
    assert.match(cookie, /^__(Host|Secure)-/)
    assert.match(cookie, /; secure/i)
    assert.match(cookie, /; httponly/i)
    assert.match(cookie, /; samesite=lax/i)
    assert.doesNotMatch(cookie, /domain=/i)
  }
})

test('pages speak the language that is asked for first', async (t) => {
  assert.equal(languageOf('ko-KR,ko;q=0.9,en;q=0.8', undefined), 'ko')
  assert.equal(languageOf('de, en;q=0.5, ko;q=0.7', undefined), 'ko')
  assert.equal(languageOf('ko;q=0, en', undefined), 'en')
  assert.equal(languageOf('en', 'ko en'), 'ko')
  assert.equal(languageOf(undefined, undefined), 'en')
  const { issuer } = await started(t)
  const at = browser(issuer)
  const page = await toLogin(at, issuer, 'web', { ui_locales: 'ko' })
  const text = await page.text()
  assert.match(text, /<html lang="ko">/)
  assert.match(text, /웹 가게/)
})

test('nothing in the store lets in whoever reads it', async (t) => {
  const { issuer, users, stop, directory } = await started(t)
  await users.add({ name: 'ana', password: PASSWORD })
  const { tokens, at } = await logIn(await configure(issuer))
  const { DatabaseSync } = await import('node:sqlite')
  const { join } = await import('node:path')
  const { readFileSync, statSync } = await import('node:fs')
  await stop()
  const db = new DatabaseSync(join(directory, 'auth.db'), { readOnly: true })
  t.after(() => db.close())
  const all = JSON.stringify(
    ['records', 'users', 'signing_keys', 'attempts'].map((table) => db.prepare(`SELECT * FROM ${table}`).all()),
  )
  assert.ok(all.includes(String(saidBy(tokens.access_token)['sid'])))
  for (const secret of [tokens.refresh_token!, tokens.access_token, PASSWORD, SHOP.clients[0]!.secret!, ...at.cookies.values()])
    assert.ok(!all.includes(secret))
  assert.ok(!all.includes('"d":'))
  assert.match(all, /\$argon2id\$v=19\$m=64,t=1,p=1\$/)
  assert.equal(statSync(join(directory, 'auth.secret')).mode & 0o777, 0o600)
  assert.ok(readFileSync(join(directory, 'auth.secret'), 'utf8').length >= 43)
})
