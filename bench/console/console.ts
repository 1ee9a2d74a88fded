import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { consoleDoor } from '@dure/console'
import { operatorPart } from '@dure/operator'
import { contract, query } from 'dure/contract'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { chromium, type Browser, type Page } from 'playwright-core'
import { z } from 'zod'
import type { BenchContext, BenchResult } from '../bench.ts'
import { spansOf } from './spans.ts'

/** Nothing here is compared with another package. */
export const peers = false

const SPANS = 100_000
const TRACE = 'b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0'
const LOADS = 7
const CHROMIUM = '/usr/bin/chromium-headless-shell'

/**
 * The console as a browser sees it, of a system that runs: what it weighs, when it paints, how long a trace of 100,000 spans takes to open
 * (from the beginning of the page to its painted rows: its files, the answer over HTTP, its layout; not the store it comes from, which the bench
 * "collector" measures), and the longest time for which the page answers nothing while it is scrolled, folded and searched.
 */
export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-console-'))
  const idle = service(contract('idle', { version: '1.0.0', owner: 'bench', operations: {} }), { handlers: {} })
  const spans = spansOf(SPANS, TRACE)
  const traces = operatorPart({
    contract: contract('traces', {
      version: '1.0.0',
      owner: 'bench',
      operations: {
        show: query({ input: z.object({ traceId: z.string(), brief: z.boolean().optional() }), output: z.unknown() }),
      },
    }),
    answer: () => ({ show: () => ({ traceId: TRACE, spans }) }),
  })
  const doors = [consoleDoor({ port: 0, parts: [traces] })]
  const running = await start(system('bench', { services: [idle], doors }), { directory, log: silentLogger() })
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  try {
    const [shown] = running.doors as unknown as [{ readonly url: string; readonly page: string }]
    const page = await enter(browser, shown.page)
    const gzip = await weigh(page, shown.url)
    progress('loading the first page')
    const paints: number[] = []
    for (let at = 0; at < LOADS; at++) paints.push(await firstPaint(page, shown.url))
    progress('opening the trace')
    const opens: number[] = []
    for (let at = 0; at < 3; at++) opens.push(await openTrace(page, shown.url))
    progress('scrolling, folding, searching')
    const longest = await work(page)
    return {
      ratios: {},
      figures: {
        gzip_kb: gzip / 1024,
        first_paint_ms: median(paints),
        trace_100k_open_ms: median(opens),
        trace_100k_longest_task_ms: longest,
      },
    }
  } finally {
    await browser.close()
    await running.stop()
    rmSync(directory, { recursive: true, force: true, maxRetries: 20 })
  }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

/** A page that notes for how long it answered nothing. */
async function enter(browser: Browser, link: string): Promise<Page> {
  const page = await (await browser.newContext({ viewport: { width: 1_280, height: 800 } })).newPage()
  await page.addInitScript(
    "window.tasks = []; new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) window.tasks.push(duration) }).observe({ type: 'longtask' })",
  )
  await page.goto(link)
  await page.locator('.map .node').first().waitFor()
  return page
}

async function weigh(page: Page, url: string): Promise<number> {
  let sum = 0
  for (const name of ['', 'console.js', 'console.css', 'trace-worker.js', 'icon.svg']) {
    const answer = await page.context().request.get(`${url}/${name}`, { headers: { 'accept-encoding': 'gzip' } })
    sum += Number(answer.headers()['content-length'])
  }
  return sum
}

async function firstPaint(page: Page, url: string): Promise<number> {
  await page.goto(`${url}/`)
  await page.locator('.map .node').first().waitFor()
  return page.evaluate<number>("performance.getEntriesByName('first-contentful-paint')[0].startTime")
}

async function openTrace(page: Page, url: string): Promise<number> {
  await page.goto(`${url}/traces/${TRACE}`)
  await page.locator('.waterfall .rows canvas').waitFor()
  return page.evaluate<number>(
    'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now()))))',
  )
}

async function work(page: Page): Promise<number> {
  await page.evaluate('void (window.tasks.length = 0)')
  const tree = page.getByRole('tree')
  for (let at = 0; at < 40; at++) {
    await page.evaluate(`document.querySelector('.rows').scrollTop = ${at * 60_000}`)
    await page.evaluate('new Promise((resolve) => requestAnimationFrame(resolve))')
  }
  await tree.focus()
  for (const key of ['Home', 'End', 'Home', 'ArrowDown', 'ArrowLeft', 'ArrowRight', 'PageDown', '+', '+', '0'])
    await page.keyboard.press(key)
  for (let at = 0; at < 2; at++) await page.getByRole('button', { name: /^(?:Fold|Unfold)$/ }).click()
  await page.getByPlaceholder('Find in this trace').fill('charge')
  await page.locator('.tools', { hasText: /found/ }).waitFor()
  await tree.focus()
  for (let at = 0; at < 20; at++) await page.keyboard.press('n')
  return page.evaluate<number>('Math.max(0, ...window.tasks)')
}
