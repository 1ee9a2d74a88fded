import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessible, fits, openBrowser, openPage, picture, skip } from '@dure/testing/browser'
import { offering } from './portal.test-support.ts'

const PAGES = {
  home: '/',
  found: '/?q=order',
  nothing: '/?q=none',
  product: '/products/orders',
  operation: '/products/orders/operations/place',
  event: '/products/orders/events/order.placed',
  korean: '/products/deliveries/operations/track',
}

test(
  'every page on a phone and on a desk, in both languages, light and dark: axe finds nothing, nothing is too wide, nobody else is asked',
  { skip, timeout: 600_000 },
  async (t) => {
    const { url } = await offering(t)
    const browser = await openBrowser()
    t.after(() => browser.close())
    for (const width of [390, 1_280])
      for (const locale of ['en-US', 'ko-KR'] as const) {
        await using watched = await openPage(browser, url, { width, locale, dark: (width === 390) === (locale === 'ko-KR') })
        const { page, wrong } = watched
        for (const [name, path] of Object.entries(PAGES)) {
          await page.goto(url + path)
          await accessible(page)
          await fits(page)
          await picture(page, `portal-${name}-${width}-${locale}`)
        }
        assert.deepEqual(wrong, [])
      }
  },
)

test(
  'a person with a keyboard alone finds an operation: past the header, by its words',
  { skip, timeout: 600_000 },
  async (t) => {
    const { url } = await offering(t)
    const browser = await openBrowser()
    t.after(() => browser.close())
    await using watched = await openPage(browser, url)
    const { page, wrong } = watched
    await page.keyboard.press('Tab')
    assert.equal(await page.locator(':focus').textContent(), 'To the content')
    await page.keyboard.press('Enter')
    assert.equal(await page.evaluate('document.activeElement.id'), 'content')
    await page.locator('input[type=search]').focus()
    await page.keyboard.type('운송장')
    await page.keyboard.press('Enter')
    const found = page.getByRole('link', { name: 'track' })
    await found.focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'track' }).waitFor()
    assert.equal(await page.getByRole('cell', { name: 'trackingNumber' }).count(), 1)
    assert.deepEqual(wrong, [])
  },
)
