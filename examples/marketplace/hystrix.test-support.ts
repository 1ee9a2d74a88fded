/**
 * What Netflix' Hystrix dashboard shows of the marketplace, in a browser, while its shipments are killed and started again: one line a
 * check. DURE_PICTURES names a folder for a picture of it.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rest } from '@dure/rest'
import type { CallPolicies } from 'dure/call'
import { sqlite } from 'dure/data'
import { start, type System } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { chromium, type Page } from 'playwright-core'
import { buy, fakeProvider, itemOf, offer, withShopIn } from './shop.test-support.ts'
import { marketplace } from './system.ts'

const [lib = '', directory = mkdtempSync(join(tmpdir(), 'dure-dashboard-'))] = process.argv.slice(2)
const BROWSER = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path))
/** A machine may be slow: how long a page takes is not what is looked at. */
const LONG = 60_000

/** Sooner open, and longer half open, than anybody wants: so that it can be seen. Of all others only what contracts say: the page is slow. */
const policies: CallPolicies = {
  'shipment.packagesOf': { timeout: 250, breaker: { minimumCalls: 10, probes: 60, open: { first: 6_000, max: 6_000 } } },
}
const market = (): System =>
  marketplace({
    ...{ provider: fakeProvider(), policies, doors: [rest({ port: 0 })] },
    database: sqlite({ durability: 'process' }),
  })
/** Of which some answer is a fallback's while there are no shipments. */
const PAGE = '/seller/1/dashboard/composed'

if (lib === 'shipment') {
  await start(market(), { directory, part: ['shipment'], log: silentLogger() })
  console.log('ready')
} else if (BROWSER === undefined) {
  console.log('✖ no Chromium is here')
  process.exitCode = 1
} else await look(BROWSER)

async function beginShipments(): Promise<ChildProcess> {
  const words = ['--conditions=dure-source', fileURLToPath(import.meta.url), 'shipment', directory]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')])
  return child
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
}

/** Jetty with the dashboard, as Netflix has packed it. */
async function dashboard(): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const files = readdirSync(lib)
  const file = (begin: string): string =>
    join(
      lib,
      files.find((name) => name.startsWith(begin))!,
    )
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  const how = ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-jar', file('jetty-runner'), '--host', '127.0.0.1', '--port', String(port)]
  const child = spawn('java', [...how, '--path', '/hystrix', file('hystrix-dashboard')], { stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}/hystrix`
  while (!(await fetch(`${url}/monitor/monitor.html`).catch(() => undefined))?.ok) {
    if (child.exitCode !== null) throw new Error('Jetty did not start')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return { child, url }
}

async function look(executablePath: string): Promise<void> {
  // What it shows has been sold before.
  await withShopIn(directory, async (shop) => {
    await offer(shop, 2)
    await buy(shop, 1, 'first', [itemOf(1), itemOf(2)])
  })
  const others = market()
    .services.map(({ contract }) => contract.name)
    .filter((name) => name !== 'shipment')
  const running = await start(market(), { directory, part: ['broker', ...others, 'doors'], log: silentLogger() })
  let shipments = await beginShipments()
  const { child: jetty, url } = await dashboard()
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  const door = running.doors[0]!.url!
  const told: Record<string, number> = {}
  let asking = true
  const asker = (async () => {
    while (asking) {
      const { missing = ['all'] } = (await (await fetch(`${door}${PAGE}`)).json()) as { readonly missing?: readonly string[] }
      const answer = missing.length === 0 ? 'whole' : `without ${missing.join(', ')}`
      told[answer] = (told[answer] ?? 0) + 1
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })()
  const pictures: { readonly about: string; readonly png: string }[] = []
  try {
    const page = await browser.newPage({ viewport: { width: 1_400, height: 1_600 } })
    // Its page takes this one from elsewhere: here it is of the same version, from Maven.
    const jar = join(lib, 'underscorejs-1.8.3.jar')
    const underscore = execFileSync('unzip', ['-p', jar, 'META-INF/resources/webjars/underscorejs/1.8.3/underscore-min.js'])
    await page.route('**/underscore-min.js', (route) =>
      route.fulfill({ contentType: 'text/javascript', body: underscore.toString() }),
    )
    const wrong: string[] = []
    page.on('pageerror', (error) => void wrong.push(String(error)))
    await page.goto(`${url}/monitor/monitor.html?stream=${encodeURIComponent(`${door}/hystrix.stream`)}&title=marketplace`)
    const command = page.locator('.monitor', { has: page.locator('p.name', { hasText: 'seller>shipment.packagesOf' }) })
    const shows = async (about: string, words: RegExp): Promise<void> => {
      await command.locator('.circuitStatus', { hasText: words }).waitFor({ timeout: LONG })
      const marked = `${about} · ${told['without packages'] ?? 0} by fallback`
      // Its place changes as the page sorts what it shows.
      const clip = await command.boundingBox()
      if (clip === null) throw new Error('The dashboard does not show it')
      pictures.push({ about: marked, png: (await page.screenshot({ clip })).toString('base64') })
      console.log(`✔ the dashboard shows the breaker ${about}: ${(await command.innerText()).replaceAll(/\s+/g, ' ')}`)
    }
    const counted = (place: string) => command.locator(place, { hasText: /^[1-9]/ }).waitFor({ timeout: LONG })

    await counted('.success')
    await shows('closed', /Circuit Closed/)
    await end(shipments)
    await command.locator('.circuitStatus', { hasText: /Circuit Open/ }).waitFor({ timeout: LONG })
    await counted('.shortCircuited')
    await shows('open', /Circuit Open/)
    shipments = await beginShipments()
    await shows('half open', /Half-Open/)
    await shows('closed again', /Circuit Closed/)
    assert.deepEqual(wrong, [])
    assert.equal(await page.locator('.monitor p.name', { hasText: /^\s*seller\.composedDashboard/ }).count(), 1)
    const answers = Object.keys(told).toSorted()
    assert.deepEqual(answers, ['whole', 'without packages'])
    console.log(`✔ who asks is told who has answered: ${JSON.stringify(told)}`)
    console.log(
      `✔ so does the stream: ${await fallbacks(page, `${url}/proxy.stream?origin=${door}/hystrix.stream`)} of a fallback`,
    )
    if (process.env['DURE_PICTURES'] !== undefined) await draw(process.env['DURE_PICTURES'])
  } catch (error) {
    console.log(`✖ ${(error as Error).stack}`)
    process.exitCode = 1
  } finally {
    asking = false
    await asker.catch(() => {})
    await browser.close()
    await Promise.all([running.stop({ everything: true }), end(jetty), end(shipments)])
    rmSync(directory, { recursive: true, force: true })
  }

  /** The four states, one beside the other. */
  async function draw(folder: string): Promise<void> {
    const page = await browser.newPage({ viewport: { width: 1_040, height: 196 } })
    const parts = pictures.map(
      ({ about, png }) => `<figure><img src="data:image/png;base64,${png}"><figcaption>${about}</figure>`,
    )
    const style = 'body{display:flex;gap:8px;margin:8px;font:14px sans-serif}figure{margin:0;text-align:center}'
    await page.setContent(`<style>${style}</style>${parts.join('')}`)
    await page.screenshot({ path: join(folder, 'hystrix.png') })
  }
}

/** How many answers of a fallback the stream tells of, as it comes through the dashboard. */
async function fallbacks(page: Page, stream: string): Promise<number> {
  const data = await page.evaluate<string>(
    `new Promise((resolve) => {
      const source = new EventSource(${JSON.stringify(stream)})
      source.onmessage = ({ data }) => data.includes('seller>shipment.packagesOf') && (source.close(), resolve(data))
    })`,
  )
  const { rollingCountFallbackSuccess: answered } = JSON.parse(data) as { readonly rollingCountFallbackSuccess: number }
  assert.ok(answered > 0)
  return answered
}
