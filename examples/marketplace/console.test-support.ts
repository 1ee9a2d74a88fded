/**
 * The payment provider is frozen, one order is slow, one message is poison, all under load with 1 % of traces sampled: from the console
 * alone the cause is found, and the letter mended and retried. One line a check. DURE_PICTURES names a folder for pictures.
 */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { collector, collectorParts } from '@dure/collector'
import { consoleDoor } from '@dure/console'
import { sqlite } from 'dure/data'
import { embeddedBroker } from 'dure/messaging'
import { start, type Running, type System } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { chromium, type Browser, type Page } from 'playwright-core'
import { Cart } from './services/cart/contract.ts'
import { httpProvider } from './services/payment/adapters/http-provider.ts'
import { Product } from './services/product/contract.ts'
import { Stock } from './services/stock/contract.ts'
import { ADDRESS, itemOf } from './shop.test-support.ts'
import { marketplace } from './system.ts'

const CHROMIUM = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path))
/** A machine may be slow: how long a page takes is not what is looked at. */
const LONG = 120_000
/** Customers of the load, the one whose order waits for the provider, and the one whose address nobody can read. */
const [LOAD, SLOW, POISON] = [20, 901, 902]
const CARD = { paymentType: 'CREDIT_CARD', cardNumber: '4111222233334444', cardHolderName: 'Ada Kim' } as const
process.env['OTEL_TRACES_SAMPLER_ARG'] = '0.01'

/** Where the sources are says nothing to who looks at a picture. */
const SHORTER = `(() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll(${JSON.stringify(new URL('.', import.meta.url).href)}, '').replaceAll(${JSON.stringify(new URL('../../packages/', import.meta.url).href)}, '')
})()`

const steps: (() => unknown)[] = []
try {
  if (CHROMIUM === undefined) throw new Error('Cannot look: no Chromium is here; npm run servers -- chromium')
  await prove(CHROMIUM)
} catch (error) {
  console.log(`✖ ${(error as Error).stack}`)
  process.exitCode = 1
} finally {
  for (const step of steps.toReversed()) await step()
}

async function prove(executablePath: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-console-proof-'))
  steps.push(() => rmSync(directory, { recursive: true, force: true, maxRetries: 20 }))
  const { child: provider, url } = await beginProvider(directory)
  const adapter = httpProvider({ url })
  steps.push(adapter.close)
  const durability = 'process'
  const market = marketplace({
    ...{ provider: adapter, database: sqlite({ durability }), broker: embeddedBroker({ durability }) },
    doors: [collector({ port: false }), consoleDoor({ port: 0, parts: collectorParts })],
  })
  const running = await start(mistaken(market), { directory, log: silentLogger() })
  steps.push(() => running.stop({ everything: true }))
  await sell(running)
  const load = buyOnAndOn(running)
  steps.push(load.stop)
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  steps.push(() => browser.close())
  await look(browser, { running, provider, load })
}

/** Somebody else's program, so that it can be frozen. */
async function beginProvider(directory: string): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const program = join(import.meta.dirname, 'provider/main.ts')
  const words = [
    '--conditions=dure-source',
    program,
    '--port',
    '0',
    '--file',
    join(directory, 'charges.sqlite'),
    '--declines',
    '0',
  ]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  steps.push(() => void child.kill('SIGKILL'))
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return { child, url: /http:\S+/.exec(line)![0] }
}

/** As a mistake would have it, shipments cannot read every zip code, and say so after two tries. */
function mistaken(system: System): System {
  const services = system.services.map((service) =>
    service.contract.name !== 'shipment'
      ? service
      : {
          ...service,
          reactions: service.reactions.map((one) => ({
            ...one,
            retry: { ...one.retry, attempts: 2 },
            handle: (...given: Parameters<typeof one.handle>): Promise<void> | void => {
              const { zipCode } = (given[0].data as { readonly customer: { readonly zipCode: string } }).customer
              if (!/^\d{5}$/.test(zipCode)) throw new TypeError(`Cannot find the district of zip code "${zipCode}"`)
              return one.handle(...given)
            },
          })),
        },
  )
  return { ...system, services }
}

async function sell(running: Running): Promise<void> {
  const product = { sellerId: 1, productId: 1, name: 'Thing 1', price: 11, freightValue: 1 }
  await running.client(Product).addAll({ items: [product] })
  await running.client(Stock).putAll({ items: [{ sellerId: 1, productId: 1, qtyAvailable: 100_000 }] })
}

async function buyAs(running: Running, customerId: number, zipCode = ADDRESS.zipCode): Promise<void> {
  const cart = running.client(Cart)
  await cart.add({ customerId, ...itemOf(1) })
  await cart.checkout({ customerId, ...ADDRESS, zipCode, ...CARD, instanceId: String(customerId) })
}

type Load = { readonly orders: () => number; readonly stop: () => Promise<void> }

/** Customers who order, one after the other, until they are stopped. */
function buyOnAndOn(running: Running): Load {
  let [orders, going] = [0, true]
  const ended = (async () => {
    for (; going; orders++) {
      await buyAs(running, 1 + (orders % LOAD))
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })()
  return {
    orders: () => orders,
    stop: () => {
      going = false
      return ended
    },
  }
}

type Scene = { readonly running: Running; readonly provider: ChildProcess; readonly load: Load }

async function look(browser: Browser, { running, provider, load }: Scene): Promise<void> {
  const link = running.doors.find(({ page }) => page?.includes('#open='))!.page!
  const { origin } = new URL(link)
  const context = await browser.newContext({ viewport: { width: 1_280, height: 800 }, reducedMotion: 'reduce' })
  context.setDefaultTimeout(LONG)
  const page = await context.newPage()
  const wrong: string[] = []
  page.on('pageerror', (error) => void wrong.push(String(error)))
  await page.goto(link)
  await page.locator('.map .node', { hasText: 'payment' }).waitFor()

  provider.kill('SIGSTOP')
  await buyAs(running, SLOW)
  await cause(page)
  await story(page, origin, 'waiting')
  await picture(page, 'story')
  await pictureIn(browser, page, 'story-korean', { locale: 'ko-KR', colorScheme: 'dark' })

  provider.kill('SIGCONT')
  await story(page, origin, 'done')
  console.log('✔ the provider goes on: the same address says that the order is done, and after how many tries')
  await slowTrace(page)

  await buyAs(running, POISON, 'N/A')
  await mend(page, browser)
  await page.goto(`${origin}/story/${POISON}`)
  await page.locator('.head .tag.good').waitFor()
  console.log('✔ the order whose message was poison is done')
  assert.deepEqual(wrong, [])
  console.log(`✔ ${load.orders()} orders of others were made meanwhile, with 1 % of traces sampled`)
}

/** From the exceptions to the one request that hangs. */
async function cause(page: Page): Promise<void> {
  await page.keyboard.press('g')
  await page.keyboard.press('x')
  // The provider breaks connections now and then by itself: that is not what is looked for.
  const failing = page.locator('tbody tr', { hasText: 'ProviderError' }).filter({ hasText: 'Headers Timeout' }).first()
  await failing.waitFor()
  await failing.focus()
  await page.keyboard.press('Enter')
  const detail = page.locator('aside.detail')
  await detail.locator('pre', { hasText: 'http-provider' }).first().waitFor()
  console.log(`✔ exceptions: ${(await detail.locator('p.bad').innerText()).split('\n')[0]!}`)
  await picture(page, 'exception')
  await detail.getByRole('link', { name: 'Trace' }).first().click()
  await page.getByRole('tree').waitFor()
  await page.locator('aside.detail dl').first().waitFor()
  const span = await page.locator('aside.detail').innerText()
  assert.match(span, /Headers Timeout/)
  console.log(`✔ the request that hangs has a span: ${span.split('\n').slice(0, 2).join(', ')}`)
}

async function story(page: Page, origin: string, state: 'waiting' | 'done'): Promise<void> {
  if (!page.url().endsWith(`/story/${SLOW}`)) await page.goto(`${origin}/story/${SLOW}`)
  if (state === 'waiting') {
    const waits = page.locator('.story .reaction', { hasText: 'payment' }).filter({ hasText: 'payment provider' })
    await waits.first().waitFor()
    console.log(`✔ story of ${SLOW}: ${(await waits.first().innerText()).replaceAll(/\s+/g, ' ')}`)
  } else await page.locator('.head .tag.good').waitFor()
}

/** From the story to its trace, which says for what the order waited. */
async function slowTrace(page: Page): Promise<void> {
  await page.locator('.head').getByRole('link', { name: 'Trace' }).click()
  await page.getByRole('tree').waitFor()
  const head = page.locator('.head', { hasText: /\d+ failed/ })
  await head.waitFor()
  console.log(`✔ its trace, of which nothing was sampled, is there: ${(await head.innerText()).replaceAll(/\s+/g, ' ')}`)
  const tree = page.getByRole('tree')
  await page.keyboard.press('/')
  await page.keyboard.type('prepare')
  // What is typed is looked for a moment later, and there is nothing to go to before.
  await page.keyboard.press('Enter')
  await page.getByText(/^[1-9]\d* found/).waitFor()
  await tree.focus()
  // Each service prepares, and payment more than once: the tries that failed are among them.
  const detail = page.locator('aside.detail')
  const seen: string[] = []
  do {
    assert.ok(seen.length < 20, `No try of the trace waited for the provider: ${seen.join(' | ')}`)
    await page.keyboard.press('n')
    await page.keyboard.press('Enter')
    await detail.locator('dl').first().waitFor()
    seen.push((await detail.innerText()).replaceAll(/\s+/g, ' ').slice(0, 160))
  } while (!(await detail.innerText()).includes('Headers Timeout'))
  await picture(page, 'trace')
}

/** The letter is found, its address mended with a reason, and it is retried. */
async function mend(page: Page, browser: Browser): Promise<void> {
  await page.keyboard.press('g')
  await page.keyboard.press('d')
  const group = page.locator('table[aria-label="Groups"] tbody tr', { hasText: 'Cannot find the district' })
  await group.waitFor()
  await group.focus()
  await page.keyboard.press('Enter')
  const letter = page.locator('table[aria-label="Dead letters"] tbody tr').first()
  await letter.waitFor()
  await letter.focus()
  await page.keyboard.press('Enter')
  const detail = page.locator('aside.detail')
  await detail.locator('.json', { hasText: 'N/A' }).waitFor()
  await pictureIn(browser, page, 'letter-narrow', { viewport: { width: 390, height: 760 } })
  await detail.getByRole('button', { name: 'Edit' }).click()
  const dialog = page.locator('dialog')
  const text = await dialog.locator('textarea').inputValue()
  await dialog.locator('textarea').fill(text.replace('N/A', ADDRESS.zipCode))
  await dialog.getByPlaceholder('For those who ask later').fill('The customer has said it by telephone')
  await dialog.locator('.diff .added').first().waitFor()
  await picture(page, 'letter')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.locator('.note', { hasText: 'Edited' }).waitFor()
  await detail.getByRole('button', { name: 'Retry' }).click()
  await page.locator('dialog').getByRole('button', { name: 'Retry' }).click()
  await page.locator('.state h2', { hasText: 'No dead letters' }).waitFor()
  console.log('✔ the dead letter was mended with a reason, retried, and is gone')
}

async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['DURE_PICTURES']
  if (folder === undefined) return
  await page.evaluate<void>(SHORTER)
  await page.screenshot({ path: join(folder, `incident-${name}.png`) })
}

/** The same address, as another browser that is let in shows it. */
async function pictureIn(
  browser: Browser,
  page: Page,
  name: string,
  look: NonNullable<Parameters<Browser['newContext']>[0]>,
): Promise<void> {
  if (process.env['DURE_PICTURES'] === undefined) return
  const context = await browser.newContext({ viewport: { width: 1_280, height: 800 }, reducedMotion: 'reduce', ...look })
  await context.addCookies(await page.context().cookies())
  const other = await context.newPage()
  await other.goto(page.url())
  await other.locator('.story .reaction, aside.detail .json').first().waitFor({ timeout: LONG })
  await picture(other, name)
  await context.close()
}
