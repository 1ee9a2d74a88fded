/** Chromium on pages of ours, which notes whatever a page should not do. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium, type Browser, type Page } from 'playwright-core'

const EXECUTABLE = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path))
export const skip: string | false = EXECUTABLE === undefined ? 'needs server: chromium' : false
/** A machine may be slow: how long a page takes is not what is looked at. */
const LONG = 120_000

export type Look = {
  readonly width?: number
  readonly height?: number
  readonly dark?: boolean
  readonly locale?: 'en-US' | 'ko-KR'
}

export type Watched = {
  readonly page: Page
  /** What it did and should not: errors, violations of its policy, requests to others. */
  readonly wrong: readonly string[]
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export async function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLE!, args: ['--no-sandbox'] })
}

export async function openPage(browser: Browser, url: string, look: Look = {}): Promise<Watched> {
  const { width = 1_280, height = 800, dark = false, locale = 'en-US' } = look
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    locale,
    reducedMotion: 'reduce',
  })
  context.setDefaultTimeout(LONG)
  const page = await context.newPage()
  const wrong: string[] = []
  page.on('request', (request) => {
    if (!request.url().startsWith(new URL(url).origin)) wrong.push(`asks ${request.url()}`)
  })
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') wrong.push(message.text())
  })
  page.on('pageerror', (error) => void wrong.push(String(error)))
  await page.goto(url)
  return { page, wrong, [Symbol.asyncDispose]: () => context.close() }
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Colours are most of its work, and all that a dark page has other than a light one. */
const RULES = {
  all: {},
  colours: { runOnly: ['color-contrast'] },
  structure: { rules: { 'color-contrast': { enabled: false } } },
} as const

/** What axe finds on the page as it is. */
export async function accessible(page: Page, rules: keyof typeof RULES = 'all'): Promise<void> {
  if (!(await page.evaluate<boolean>('"axe" in window'))) await page.evaluate(AXE)
  const options = JSON.stringify({ resultTypes: ['violations'], ...RULES[rules] })
  const found = await page.evaluate<readonly string[]>(
    `axe.run(document, ${options}).then(({ violations }) =>
      violations.map(({ id, help, nodes }) => id + ': ' + help + ' ' + nodes.slice(0, 3).map(({ target, failureSummary }) => target.join(' ') + ' ' + failureSummary).join(' | ')))`,
  )
  assert.deepEqual(found, [])
}

/** Nothing is wider than the page. */
export async function fits(page: Page): Promise<void> {
  const [wide, width] = await page.evaluate<readonly [number, number]>('[document.documentElement.scrollWidth, innerWidth]')
  assert.ok(wide <= width, `${wide} pixels wide, in ${width}`)
}

/** For whoever wants to look: DURE_PICTURES names a folder. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['DURE_PICTURES']
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png` })
}
