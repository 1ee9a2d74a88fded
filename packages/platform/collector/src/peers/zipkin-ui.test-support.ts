/** Zipkin's own pages, which read the collector as if it were Zipkin. */
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { chromium, type Page } from 'playwright-core'

const TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.css': 'text/css', '.png': 'image/png' }
const BROWSER = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path))
/** A machine may be slow: how long a page takes is not what is looked at. */
const LONG = 120_000

/**
 * Opens them in Chromium, with all that they ask of Zipkin answered by the collector.
 * @param lens the folder of the pages
 * @param url of the collector
 */
export async function withZipkinPages(
  { lens, url }: { readonly lens: string; readonly url: string },
  look: (page: Page, at: string, wrong: readonly string[]) => Promise<void>,
): Promise<void> {
  if (BROWSER === undefined) throw new Error('No Chromium is here')
  const wrong: string[] = []
  const server = createServer((request, response) => {
    const path = request.url!.replace(/^\/zipkin/, '').replace(/\?.*$/, '')
    const file = join(lens, path)
    if (path.startsWith('/api/') || path === '/config.json')
      return void fetch(`${url}${request.url}`)
        .then(async (answer) => {
          // Of a trace that is not there pages ask as well, and say it.
          if (!answer.ok) wrong.push(`${request.url}: ${answer.status}`)
          response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text())
        })
        .catch((error: unknown) => response.writeHead(502).end(String(error)))
    const isFile = path.startsWith('/static/') && existsSync(file)
    response.writeHead(200, { 'content-type': isFile ? (TYPES[extname(file)] ?? 'text/plain') : 'text/html' })
    response.end(readFileSync(isFile ? file : join(lens, 'index.html')))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const browser = await chromium.launch({ executablePath: BROWSER, args: ['--no-sandbox'] })
  try {
    const page = await browser.newPage()
    page.setDefaultTimeout(LONG)
    page.on('pageerror', (error) => void wrong.push(String(error)))
    await look(page, `http://127.0.0.1:${(server.address() as AddressInfo).port}/zipkin`, wrong)
  } finally {
    await browser.close()
    server.closeAllConnections()
    server.close()
  }
}
