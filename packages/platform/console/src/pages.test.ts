import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessible, fits, openBrowser, openPage, picture, skip, type Look } from './browser.test-support.ts'
import { openRecorded } from './recorded-server.test-support.ts'

const how = { skip, timeout: 600_000 }
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'

const LOOKS: Readonly<Record<string, Look>> = {
  light: {},
  dark: { dark: true },
  korean: { locale: 'ko-KR' },
  narrow: { width: 360, height: 740, dark: true },
}

const PAGES: Readonly<Record<string, readonly [path: string, there: string]>> = {
  system: ['/?service=payment', 'aside.detail h2'],
  traces: ['/traces', 'tbody tr'],
  trace: [`/traces/${TRACE}?span=0000000000000003`, 'aside.detail dl'],
  compare: [`/traces/aaaa/with/cccc`, 'tbody tr'],
  story: ['/story/1042', '.story .reaction'],
  logs: ['/logs', 'tbody tr'],
  metric: ['/metrics/process.memory.usage', '.uplot canvas'],
  exceptions: ['/exceptions/v1:9f2a61c4d1e07b33', 'aside.detail pre'],
  events: ['/topics/payment.requested', 'tbody tr'],
  letters: ['/letters', 'tbody tr'],
  letter: ['/letters/letter-0000000b?by=each', 'aside.detail .json'],
  resilience: ['/resilience', '.card'],
  settings: ['/settings', 'tbody tr'],
  empty: ['/traces/eeee', '.state h2'],
  lost: ['/nothing', '.state h2'],
}

for (const [name, look] of Object.entries(LOOKS))
  test(`every page, ${name}: axe finds nothing, nothing is too wide, no error, no violation of the policy`, how, async () => {
    await using server = await openRecorded({ production: name === 'dark' })
    const browser = await openBrowser()
    try {
      const { page, wrong } = await openPage(browser, server.url, look)
      for (const [shown, [path, there]] of Object.entries(PAGES)) {
        await page.goto(server.url + path)
        await page.locator(there).first().waitFor()
        await fits(page)
        await accessible(page)
        await picture(page, `${shown}-${name}`)
      }
      assert.deepEqual(wrong, [])
    } finally {
      await browser.close()
    }
  })

test('a viewer is shown nothing to change', how, async () => {
  await using server = await openRecorded({ role: 'viewer' })
  const browser = await openBrowser()
  try {
    const { page } = await openPage(browser, `${server.url}/letters/letter-0000000b?by=each`)
    await page.locator('aside.detail .json').waitFor()
    assert.equal(await page.getByRole('button', { name: /Retry|Discard|Edit/ }).count(), 0)
  } finally {
    await browser.close()
  }
})

test('a trace is walked, folded, searched and enlarged by keys alone', how, async () => {
  await using server = await openRecorded()
  const browser = await openBrowser()
  try {
    const { page, wrong } = await openPage(browser, `${server.url}/traces/${TRACE}`)
    const tree = page.getByRole('tree')
    await tree.focus()
    const chosen = (): Promise<string> => page.locator('#span-chosen').innerText()
    await page.keyboard.press('ArrowDown')
    assert.match(await chosen(), /checkout/)
    await page.keyboard.press('ArrowLeft')
    assert.equal(await page.locator('#span-chosen').getAttribute('aria-expanded'), 'false')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    assert.equal(await page.locator('#span-chosen').getAttribute('aria-level'), '2')
    await page.keyboard.press('Enter')
    await page.locator('aside.detail dl').first().waitFor()
    assert.match(page.url(), /span=[0-9a-f]{16}/)
    await page.keyboard.press('Escape')
    await page.keyboard.press('/')
    await page.keyboard.type('failed')
    await page.locator('.tools', { hasText: /\d+ found/ }).waitFor()
    await tree.focus()
    await page.keyboard.press('n')
    assert.match(await chosen(), /failed/)
    for (const key of ['+', '+', '0', 'End', 'Home']) await page.keyboard.press(key)
    assert.match(await chosen(), /checkout/)
    assert.deepEqual(wrong, [])
  } finally {
    await browser.close()
  }
})
