/** The console as a browser shows it, on a marketplace that runs: pictures for light and dark pages, Korean, and a telephone. Needs Chromium. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'

const here = import.meta.dirname
const CHROMIUM = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path))
/** Milliseconds for which what pages ask again may change, until it is as it stays. */
const SETTLED = 3_000

type Shot = {
  readonly name: string
  readonly look?: { readonly dark?: boolean; readonly korean?: boolean; readonly narrow?: boolean }
  /** Goes from the page of the system to what is drawn. */
  readonly go: (page: Page) => Promise<void>
}

const open = (path: string, there: string) => async (page: Page) => {
  await page.goto(new URL(path, page.url()).href)
  await page.locator(there).first().waitFor()
}

/** The trace of the checkout, with one of its spans open. */
async function trace(page: Page): Promise<void> {
  await open('/traces', 'tbody tr')(page)
  await page.locator('tbody tr', { hasText: 'checkout' }).first().click()
  await page.getByRole('tree').focus()
  for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'Enter']) await page.keyboard.press(key)
  await page.locator('aside.detail dl').first().waitFor()
}

const SHOTS: readonly Shot[] = [
  { name: 'console-system-light', go: open('/', '.map .node') },
  { name: 'console-system-dark', look: { dark: true }, go: open('/', '.map .node') },
  { name: 'console-trace', go: trace },
  { name: 'console-events', go: open('/topics', 'tbody tr') },
  { name: 'console-korean', look: { korean: true }, go: open('/metrics', 'tbody tr') },
  { name: 'console-narrow', look: { narrow: true, dark: true }, go: open('/', '.map .node') },
]

/** @param link as the marketplace says it: it lets one browser in */
export async function drawConsole(link: string): Promise<void> {
  if (CHROMIUM === undefined) throw new Error('Cannot draw the console: no Chromium is here; npm run servers -- chromium')
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  try {
    const first = await browser.newContext()
    const page = await first.newPage()
    await page.goto(link)
    await page.locator('.map .node').first().waitFor()
    const cookies = await first.cookies()
    for (const { name, look = {}, go } of SHOTS) {
      const viewport = look.narrow === true ? { width: 390, height: 760 } : { width: 1_280, height: 800 }
      const locale = look.korean === true ? 'ko-KR' : 'en-US'
      const context = await browser.newContext({ viewport, locale, colorScheme: look.dark === true ? 'dark' : 'light' })
      await context.addCookies(cookies)
      const shown = await context.newPage()
      await shown.goto(new URL('/', link).href)
      await go(shown)
      await shown.waitForTimeout(SETTLED)
      await shown.screenshot({ path: join(here, `${name}.png`) })
      console.log(`docs/pictures/${name}.png`)
      await context.close()
    }
  } finally {
    await browser.close()
  }
}
