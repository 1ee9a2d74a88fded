import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { chromium, type Page } from 'playwright-core'
import { ask, openShop } from './rest.test-support.ts'

const BROWSER = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path))

test('the page is there where it is asked for, and asks nothing from outside by its own word', async () => {
  await using shop = await openShop({ docs: true })
  const page = await fetch(`${shop.url}/docs`)
  assert.equal(page.status, 200)
  assert.match(await page.text(), /<title>shop &lt;test&gt;<\/title>/)
  const policy = page.headers.get('content-security-policy')!
  assert.match(policy, /^default-src 'none'; script-src 'self';/)
  assert.doesNotMatch(policy, /https?:|\*|unsafe-eval/)
  for (const file of ['swagger-ui-bundle.js', 'swagger-ui.css', 'page.css', 'start.js']) {
    const answer = await fetch(`${shop.url}/docs/${file}`)
    assert.equal(answer.status, 200, file)
    assert.match(answer.headers.get('content-type')!, /^text\/(?:javascript|css)/)
  }
  const { body } = await ask(shop.url)
  assert.match(JSON.stringify(body), /"href":"\/docs"/)
})

test('it is not there in production, nor where the pages are not', async () => {
  for (const options of [{}, { docs: true, pages: false }] as const) {
    await using shop = await openShop(options)
    assert.equal((await ask(`${shop.url}/docs`)).status, 404)
    assert.equal((await ask(`${shop.url}/docs/start.js`)).status, 404)
  }
})

const skip = BROWSER === undefined ? 'needs server: chromium' : false

for (const [width, colorScheme] of [
  [1280, 'light'],
  [390, 'dark'],
] as const) {
  test(
    `in a browser of ${width} pixels, ${colorScheme}: operations are shown and can be tried`,
    { skip, timeout: 120_000 },
    async () => {
      await using shop = await openShop({ docs: true, pages: '/-' })
      const browser = await chromium.launch({ executablePath: BROWSER!, args: ['--no-sandbox'] })
      try {
        const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme })
        const outside: string[] = []
        const wrong: string[] = []
        page.on('request', (request) => {
          if (!request.url().startsWith(shop.url) && !request.url().startsWith('data:')) outside.push(request.url())
        })
        page.on('console', (message) => void (message.type() === 'error' && wrong.push(message.text())))
        page.on('pageerror', (error) => void wrong.push(String(error)))
        await page.goto(`${shop.url}/-/docs`)
        const operation = page.locator('.opblock', { hasText: '/echo' })
        await operation.waitFor()
        await operation.locator('.opblock-summary-control').first().click()
        await operation.locator('button.execute').click()
        await operation.locator('.live-responses-table').waitFor()
        await picture(page, `${width}-${colorScheme}`)
        assert.ok((await page.locator('.opblock').count()) > 5)
        assert.deepEqual({ outside, wrong: wrong.filter((text) => !/status of 4\d\d/.test(text)) }, { outside: [], wrong: [] })
        const wide = await page.evaluate<number>('document.documentElement.scrollWidth')
        assert.ok(wide <= width, `${wide} pixels wide, in ${width}`)
      } finally {
        await browser.close()
      }
    },
  )
}

/** For whoever wants to look: DURE_PICTURES names a folder. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['DURE_PICTURES']
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png` })
}
