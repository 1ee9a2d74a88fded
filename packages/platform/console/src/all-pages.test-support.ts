/** Every page of the console, on what was recorded, in one look. */
import assert from 'node:assert/strict'
import type { Browser } from 'playwright-core'
import { accessible, fits, openPage, picture, type Look } from '@dure/testing/browser'
import { goTo } from './go-to.test-support.ts'
import { openRecorded } from './recorded-server.test-support.ts'
import { recorded } from './recorded.test-support.ts'

export const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'

export const LOOKS = {
  light: {},
  dark: { dark: true },
  korean: { locale: 'ko-KR' },
  narrow: { width: 360, height: 740, dark: true, locale: 'ko-KR' },
} as const satisfies Readonly<Record<string, Look>>

/** What is on one page is not beside another of the same: each is drawn anew. */
const PAGES: Readonly<Record<string, readonly [path: string, there: string]>> = {
  system: ['/?service=payment', 'aside.detail h2'],
  traces: ['/traces', 'tbody tr'],
  story: ['/story/1042', '.story .reaction'],
  trace: [`/traces/${TRACE}?span=0000000000000003`, 'aside.detail dl'],
  logs: ['/logs', 'tbody tr'],
  compare: [`/traces/aaaa/with/cccc`, 'tbody tr'],
  metric: ['/metrics/process.memory.usage', '.uplot canvas'],
  exceptions: ['/exceptions/v1:9f2a61c4d1e07b33', 'aside.detail pre'],
  letters: ['/letters', 'tbody tr'],
  events: ['/topics/payment.requested', 'tbody tr'],
  letter: ['/letters/letter-0000000b?by=each', 'aside.detail .json'],
  resilience: ['/resilience', '.card'],
  sagas: ['/sagas/checkout/order-2', 'aside.detail .saga li'],
  instances: ['/resilience?by=instances', 'tbody tr'],
  explorer: ['/explorer/order/find', 'aside.detail pre'],
  builds: ['/builds', '.stacked li'],
  settings: ['/settings', 'tbody tr'],
  empty: ['/traces/eeee', '.state h2'],
  lost: ['/nothing', '.state h2'],
}

/** @throws {AssertionError} what axe finds, what is too wide, what a page did and should not */
export async function lookAtPages(
  browser: Browser,
  look: keyof typeof LOOKS,
  rules: Parameters<typeof accessible>[1],
): Promise<void> {
  await using server = await openRecorded({ production: look === 'dark' })
  await using seen = await openPage(browser, `${server.url}/nothing`, LOOKS[look])
  const { page, wrong } = seen
  await page.locator('.state h2').waitFor()
  for (const [shown, [path, there]] of Object.entries(PAGES)) {
    await goTo(page, path)
    await page.locator(there).first().waitFor()
    await fits(page)
    await accessible(page, rules)
    await picture(page, `${shown}-${look}`)
  }
  assert.deepEqual(wrong, [])
}

/** Pages of lists, on a system of which there is nothing to tell yet. */
const EMPTY = [
  ...['traces', 'logs', 'metrics', 'exceptions', 'builds', 'topics', 'letters', 'resilience', 'sagas', 'explorer'],
  'resilience?by=instances',
]

const emptied = (value: unknown): unknown =>
  Array.isArray(value)
    ? []
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, emptied(one)]))
      : value

/** @throws {AssertionError} as `lookAtPages`, and for a page that does not say that there is nothing */
export async function lookAtEmptyPages(browser: Browser, look: keyof typeof LOOKS): Promise<void> {
  const answers = Object.fromEntries(
    Object.entries(recorded).map(([contract, operations]) => [
      contract,
      Object.fromEntries(
        Object.entries(operations).map(([name, answer]) => [name, (input: object) => emptied(answer({ ...input }))]),
      ),
    ]),
  )
  await using server = await openRecorded({ answers })
  await using seen = await openPage(browser, `${server.url}/nothing`, LOOKS[look])
  const { page, wrong } = seen
  await page.locator('.state h2').waitFor()
  for (const path of EMPTY) {
    await goTo(page, `/${path}`)
    await page.locator('.state h2').waitFor()
    await fits(page)
    await accessible(page)
    await picture(page, `empty-${path.replace('?by=', '-')}-${look}`)
  }
  assert.deepEqual(wrong, [])
}
