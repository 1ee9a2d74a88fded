import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startAuth } from '@dure/auth'
import { login, startGateway } from '@dure/gateway'
import { freePort } from '@dure/testing/servers'
import { security } from 'dure/security'
import { sqliteSessions } from 'dure/session'
import { silentLogger } from 'dure/telemetry'
import type { Browser, Page } from 'playwright-core'
import { accessible, openBrowser, openPage, picture, skip } from '@dure/testing/browser'
import { openShop, POISON, type Shop } from './shop.test-support.ts'

const PASSWORD = 'correct horse battery'
const SECRET = 'a secret of the tests, long enough for it'

type Guarded = { readonly shop: Shop; readonly url: string; readonly [Symbol.asyncDispose]: () => Promise<void> }

/** The console of a shop behind a gateway, at which people log in with our own authorization server. */
async function guarded(): Promise<Guarded> {
  const port = await freePort()
  const url = `http://localhost:${port}`
  const log = silentLogger()
  const steps: (() => Promise<unknown>)[] = []
  const dispose = async (): Promise<void> => {
    for (const step of steps.toReversed()) await step()
  }
  const directory = mkdtempSync(join(tmpdir(), 'dure-console-'))
  steps.push(async () => rmSync(directory, { recursive: true, force: true, maxRetries: 20 }))
  const client = {
    ...{ id: 'console', secret: SECRET, trusted: true, scopes: ['offline_access', 'dure:operate'] },
    ...{ redirectUris: [`${url}/auth/callback`], postLogoutRedirectUris: [`${url}/`] },
  }
  const scopes = { 'dure:operate': 'Operate the shop' }
  const auth = await startAuth({ directory, port: 0, log, audience: 'shop', scopes, clients: [client] })
  steps.push(() => auth.stop())
  for (const [name, role] of [
    ['vera', 'dure:viewer'],
    ['otto', 'dure:operator'],
    ['carl', 'clerk'],
  ] as const)
    await auth.users.add({ name, password: PASSWORD, roles: [role] })
  const shop = await openShop({
    ...{ directory, access: 'system', hosts: [`localhost:${port}`], logout: '/auth/logout' },
    security: security({ issuers: [{ issuer: auth.issuer }], audience: 'shop' }),
  })
  steps.push(() => shop[Symbol.asyncDispose]())
  const guard = login({
    ...{ issuer: auth.issuer, clientId: 'console', clientSecret: SECRET, url, scopes: ['offline_access', 'dure:operate'] },
    store: () => sqliteSessions({ directory }),
  })
  const gateway = await startGateway({
    ...{ port, host: '127.0.0.1', log },
    routes: {
      routes: { console: { prefix: '/', to: 'console', filters: [guard] } },
      upstreams: { console: { addresses: [new URL(shop.url).host] } },
    },
  })
  steps.push(() => gateway.stop({ timeout: 0 }))
  return { shop, url, [Symbol.asyncDispose]: dispose }
}

/** Opens an address as a person without a session, and logs in where that leads. */
async function enter(browser: Browser, url: string, name: string): Promise<{ readonly page: Page; readonly wrong: string[] }> {
  const { page } = await openPage(browser, url)
  await page.locator('input[name=name]').fill(name)
  await page.locator('input[name=password]').fill(PASSWORD)
  const wrong: string[] = []
  page.on('pageerror', (error) => void wrong.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') wrong.push(message.text())
  })
  await page.locator('button[value=login]').click()
  return { page, wrong }
}

const ask = (page: Page, path: string, input: object): Promise<number> =>
  page.evaluate(
    ([at, body]) =>
      fetch(`/api/operator/${at}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: body! }).then(
        ({ status }) => status,
      ),
    [path, JSON.stringify(input)],
  )

test(
  'in production people log in with our authorization server: viewers look, operators act, others are told whose role they lack',
  { skip, timeout: 300_000 },
  async () => {
    await using house = await guarded()
    await house.shop.place('1', POISON)
    await house.shop.settled()
    const browser = await openBrowser()
    try {
      // The address that was asked for is where a login ends.
      const otto = await enter(browser, `${house.url}/letters`, 'otto')
      await otto.page.locator('table[aria-label="Groups"] tbody tr').first().waitFor()
      assert.equal(otto.page.url(), `${house.url}/letters`)
      await otto.page.locator('.production', { hasText: 'PRODUCTION' }).waitFor()
      await accessible(otto.page)
      await picture(otto.page, 'login-operator')
      assert.deepEqual(otto.wrong, [])

      const vera = await enter(browser, `${house.url}/letters?by=each`, 'vera')
      await vera.page.locator('table[aria-label="Dead letters"] tbody tr').first().waitFor()
      assert.equal(await vera.page.getByRole('button', { name: /Retry|Discard/ }).count(), 0)
      assert.equal(await ask(vera.page, 'letters/retry', {}), 403, 'and not by hand either')

      const carl = await enter(browser, house.url, 'carl')
      await carl.page.locator('h1', { hasText: 'This console is not for you' }).waitFor()
      assert.match(await carl.page.locator('.welcome').innerText(), /the role "dure:operator"/)
      assert.equal(await ask(carl.page, 'health/show', {}), 403)
      await accessible(carl.page)
      await picture(carl.page, 'login-forbidden')

      // A page of another origin has no way in with the operator's cookie.
      const foreign = await otto.page.request.post(`${house.url}/api/operator/letters/retry`, {
        headers: { origin: 'http://evil.example', 'sec-fetch-site': 'cross-site', 'content-type': 'application/json' },
        data: '{}',
      })
      assert.equal(foreign.status(), 403)

      await otto.page.getByRole('button', { name: 'Log out' }).click()
      await otto.page.waitForURL((at) => at.origin !== house.url || at.pathname === '/')
      const after = await otto.page.request.post(`${house.url}/api/operator/health/show`, { data: '{}' })
      assert.equal(after.status(), 401)
    } finally {
      await browser.close()
    }
  },
)
