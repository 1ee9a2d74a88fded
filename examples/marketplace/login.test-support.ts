/**
 * The marketplace behind two gateways, each a process of `dure gateway` with its file: somebody logs in with a browser, orders, and logs out
 * in one tab; what the other tab does next is refused. One line a check. DURE_PICTURES names a folder for pictures.
 */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { startAuth } from '@dure/auth'
import { rest } from '@dure/rest'
import { sqlite } from 'dure/data'
import { security } from 'dure/security'
import { start, type Running, type Security } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { Order } from './services/order/contract.ts'
import { ADDRESS, fakeProvider, itemOf } from './shop.test-support.ts'
import { Product } from './services/product/contract.ts'
import { Stock } from './services/stock/contract.ts'
import { marketplace } from './system.ts'

const CHROMIUM = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path))
/** A machine may be slow: how long a page takes is not what is looked at. */
const LONG = 120_000
const AUDIENCE = 'urn:marketplace'
const SECRET = 'a secret of this proof that is long enough'
const PASSWORD = 'correct horse battery'
const CUSTOMER = 7
/** Operations to read and to try, below the shop's own name. */
const DOCS = '/-/docs'

const steps: (() => unknown)[] = []
if (CHROMIUM === undefined) {
  console.log('✖ no Chromium is here')
  process.exitCode = 1
} else {
  try {
    await prove(CHROMIUM)
  } catch (error) {
    console.log(`✖ ${(error as Error).stack}`)
    process.exitCode = 1
  } finally {
    for (const step of steps.toReversed()) await step()
  }
}

async function prove(executablePath: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-login-proof-'))
  steps.push(() => rmSync(directory, { recursive: true, force: true, maxRetries: 20 }))
  const ports = await Promise.all([freePort(), freePort()])
  const shops = ports.map((port) => `http://localhost:${port}`)
  const { issuer, subject } = await openIssuer(directory, shops)
  const subjects: (string | undefined)[] = []
  const running = await openShop(directory, issuer, subjects)
  const gateways = await Promise.all(ports.map((port, i) => openGateway({ directory, port, url: shops[i]!, issuer, running })))
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  steps.push(() => browser.close())
  await look(browser, { shops, issuer, subject, running, subjects, gateways })
}

type Scene = {
  readonly shops: readonly string[]
  readonly issuer: string
  readonly subject: string
  readonly running: Running
  readonly subjects: readonly (string | undefined)[]
  readonly gateways: readonly ChildProcess[]
}

async function look(browser: Browser, { shops, issuer, subject, running, subjects, gateways }: Scene): Promise<void> {
  const [first, second] = shops as [string, string]
  const context = await browser.newContext({ viewport: { width: 1_100, height: 800 } })
  context.setDefaultTimeout(LONG)
  const one = await context.newPage()
  await one.goto(`${first}${DOCS}`)
  assert.equal(new URL(one.url()).origin, issuer)
  await picture(one, 'login-1-issuer')
  await logIn(one)
  await one.locator('.opblock').first().waitFor()
  assert.equal(one.url(), `${first}${DOCS}`)
  await picture(one, 'login-2-shop')
  console.log('✔ who opens a page of the shop is sent to the issuer, and comes back to that page')

  await order(one)
  while (!(await running.status()).quiet) await new Promise((resolve) => setTimeout(resolve, 20))
  const [placed] = await running.client(Order).ofCustomer({ customerId: CUSTOMER })
  assert.ok(placed !== undefined && subjects.length > 0)
  assert.deepEqual(new Set(subjects), new Set([subject]))
  console.log(
    `✔ she orders by a script of that page: order ${placed.orderId}; the shop verified her token ${subjects.length} times`,
  )

  const cookies = (await context.cookies(first)).filter(({ name }) => /session|login/.test(name))
  assert.deepEqual(
    cookies.map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite]),
    [['session', true, 'Lax']],
  )
  assert.match(cookies[0]!.value, /^[\w-]{43}$/)
  const readable = await one.evaluate<string>('document.cookie + JSON.stringify([{ ...localStorage }, { ...sessionStorage }])')
  assert.doesNotMatch(readable, /session=|eyJ/)
  console.log('✔ the browser has a cookie that scripts cannot read, and no token')

  const two = await context.newPage()
  await two.goto(`${second}${DOCS}`)
  await two.locator('.opblock').first().waitFor()
  assert.equal(await click(two), 200)
  console.log('✔ another tab, at the gateway in another process, is logged in without a question')

  const held = await context.cookies(first)
  let confirm = ''
  const took = await refusedAfter(two, async () => {
    const said = "fetch('/auth/logout', { method: 'POST' }).then((answer) => answer.json())"
    confirm = (await one.evaluate<{ readonly location: string }>(said)).location
  })
  await two.locator('.live-responses-table').first().scrollIntoViewIfNeeded()
  await picture(two, 'login-3-other-tab')
  console.log(`✔ she logs out in one tab: the next click in the other is refused with 401, ${took} ms after`)
  const thief = await browser.newContext()
  await thief.addCookies(held)
  assert.deepEqual(await Promise.all(shops.map((shop) => statusOf(thief, shop))), [401, 401])
  console.log('✔ so is a copy of her cookie, in both processes')

  // The shop says who logs out, so the issuer does not ask: he does not know her any more.
  await one.goto(confirm)
  await one.locator('input[name=name]').waitFor()
  await one.goto(`${first}${DOCS}`)
  await logIn(one)
  await one.locator('.opblock').first().waitFor()
  await two.goto(`${second}${DOCS}`)
  await two.locator('.opblock').first().waitFor()
  assert.deepEqual([await click(one), await click(two)], [200, 200])
  console.log('✔ the issuer has logged her out as well, and asks for her name when she comes again')

  const three = await context.newPage()
  await three.goto(`${issuer}/session/end`)
  const later = await refusedAfter(two, async () => {
    await three.locator('button[value=yes]').click()
    await three.waitForLoadState()
  })
  assert.equal(await click(one), 401)
  console.log(`✔ she logs out at the issuer, who tells one gateway: clicks in both processes are refused, ${later} ms after`)

  await one.goto(`${first}${DOCS}`)
  await logIn(one)
  await one.locator('.opblock').first().waitFor()
  const orders = subjects.length
  const neighbour = await openPage()
  const sent: number[] = []
  for (const site of [`${issuer}/jwks`, neighbour]) {
    const page = await context.newPage()
    await page.goto(site)
    sent.push(await submit(page, `${first}/cart/${CUSTOMER}/checkout`))
  }
  // Another port of this host is the same site, to which browsers send cookies; it is not the same origin.
  assert.deepEqual([sent, subjects.length], [[401, 403], orders])
  console.log('✔ forms on pages of others change nothing: of another site (no cookie comes, 401), of another port (403)')

  gateways[0]!.kill('SIGKILL')
  await once(gateways[0]!, 'close')
  await two.goto(`${second}${DOCS}`)
  await two.locator('.opblock').first().waitFor()
  assert.equal(await click(two), 200)
  console.log('✔ one gateway is killed: she is still logged in at the other')
}

async function logIn(page: Page): Promise<void> {
  await page.locator('input[name=name]').fill('ana')
  await page.locator('input[name=password]').fill(PASSWORD)
  await page.locator('button[value=login]').click()
}

/** A click on an operation of the page; the status of what its script is answered. */
async function click(page: Page): Promise<number> {
  const operation = page.locator('.opblock', { hasText: '/orders/totals' })
  const execute = operation.locator('button.execute')
  if (!(await execute.isVisible())) await operation.locator('.opblock-summary-control').first().click()
  const answer = page.waitForResponse((response) => response.url().endsWith('/orders/totals'))
  await execute.click()
  return (await answer).status()
}

/** Milliseconds from the end of what logs somebody out to the first click that is refused. */
async function refusedAfter(page: Page, out: () => Promise<unknown>): Promise<number> {
  await out()
  const began = performance.now()
  for (;;) {
    const clicked = performance.now()
    const status = await click(page)
    if (status === 401) {
      assert.ok(clicked - began < 1_000, 'it took longer than a second')
      return Math.round(clicked - began)
    }
    assert.ok(status === 200 && clicked - began < LONG, `a click was answered with ${status}`)
  }
}

/** A form of that page, as a person sends it; the status of what comes of it first. */
async function submit(page: Page, action: string): Promise<number> {
  const first = page.waitForResponse((response) => response.url() === action)
  await page.evaluate(
    `(() => {
      const form = Object.assign(document.createElement('form'), { method: 'post', action: ${JSON.stringify(action)} })
      document.documentElement.append(form)
      form.submit()
    })()`,
  )
  const status = (await first).status()
  await page.waitForLoadState()
  return status
}

/** By a script of the page: a cart is filled and checked out. */
async function order(page: Page): Promise<void> {
  const send = (path: string, body: object): Promise<number> =>
    page.evaluate<number>(
      `fetch(${JSON.stringify(path)}, {
        method: 'PATCH', headers: { 'content-type': 'application/json' }, body: ${JSON.stringify(JSON.stringify(body))},
      }).then(({ status }) => status)`,
    )
  assert.equal(await send(`/cart/${CUSTOMER}/add`, itemOf(1)), 202)
  assert.equal(await send(`/cart/${CUSTOMER}/checkout`, { ...ADDRESS, paymentType: 'BOLETO', instanceId: 'proof' }), 202)
}

async function statusOf(context: BrowserContext, shop: string): Promise<number> {
  const answer = await context.request.get(`${shop}/orders/totals`, { headers: { accept: 'application/json' } })
  return answer.status()
}

async function openShop(directory: string, issuer: string, subjects: (string | undefined)[]): Promise<Running> {
  const access = security({ issuers: [{ issuer }], audience: AUDIENCE })
  const seen: Security = {
    authenticate: async (request) => {
      const principal = await access.authenticate(request)
      subjects.push(principal?.subject)
      return principal
    },
  }
  const doors = [rest({ port: 0, docs: true, pages: '/-' })]
  const system = {
    ...marketplace({ provider: fakeProvider(), doors, database: sqlite({ durability: 'process' }) }),
    security: seen,
  }
  const running = await start(system, { directory, log: silentLogger() })
  steps.push(() => running.stop())
  await running.client(Product).addAll({
    items: [{ sellerId: 1, productId: 1, name: 'Thing 1', price: 11, freightValue: 1 }],
  })
  await running.client(Stock).putAll({ items: [{ sellerId: 1, productId: 1, qtyAvailable: 10 }] })
  return running
}

async function openGateway(options: {
  readonly directory: string
  readonly port: number
  readonly url: string
  readonly issuer: string
  readonly running: Running
}): Promise<ChildProcess> {
  const { directory, port, url, issuer, running } = options
  const file = join(directory, `gateway-${port}.yaml`)
  writeFileSync(
    file,
    `upstreams:
  shop: { addresses: ['${new URL(running.doors[0]!.url!).host}'] }
filters:
  - login:
      issuer: ${issuer}
      clientId: shop
      clientSecret: { environment: SHOP_SECRET }
      url: ${url}
      resource: ${AUDIENCE}
      sessions: sessions
routes:
  shop: { prefix: /, to: shop }
`,
  )
  const bin = join(import.meta.dirname, '../../packages/tools/cli/bin/dure.js')
  const words = ['--conditions=dure-source', bin, 'gateway', '--config', file, '--port', String(port), '--host', 'localhost']
  const child = spawn(process.execPath, words, {
    ...{ cwd: import.meta.dirname, env: { ...process.env, SHOP_SECRET: SECRET } },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  steps.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  })
  for await (const line of createInterface({ input: child.stdout! })) if (line.startsWith('Gateway at ')) return child
  throw new Error(`The gateway ended before it was there (${child.exitCode})`)
}

/** The system's own authorization server, which tells the first gateway of logouts; and who logs in. */
async function openIssuer(
  directory: string,
  shops: readonly string[],
): Promise<{ readonly issuer: string; readonly subject: string }> {
  const auth = await startAuth({
    ...{ directory, port: 0, log: silentLogger(), audience: AUDIENCE, name: 'The marketplace', scopes: {} },
    clients: [
      {
        ...{ id: 'shop', secret: SECRET, trusted: true },
        redirectUris: shops.map((shop) => `${shop}/auth/callback`),
        postLogoutRedirectUris: shops.map((shop) => `${shop}/`),
        backchannelLogoutUri: `${shops[0]}/auth/backchannel`,
      },
    ],
  })
  steps.push(() => auth.stop())
  const { subject } = await auth.users.add({ name: 'ana', password: PASSWORD })
  return { issuer: auth.issuer, subject }
}

/** A page of somebody else on the same host; its address. */
async function openPage(): Promise<string> {
  const server = await listening(
    createServer((_request, response) => void response.setHeader('content-type', 'text/html').end('hello')),
  )
  steps.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://localhost:${(server.address() as AddressInfo).port}`
}

async function listening(server: Server): Promise<Server> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function freePort(): Promise<number> {
  const server = await listening(createServer())
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** For whoever wants to look: DURE_PICTURES names a folder. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['DURE_PICTURES']
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`) })
}
