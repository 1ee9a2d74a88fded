import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'

/** The page and what it loads. */
export type ClientFiles = {
  readonly serve: (path: string, request: IncomingMessage, response: ServerResponse) => Promise<void>
}

/** By name, as a browser loads them. */
export type Client = Readonly<Record<string, string>>

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
}

type Served = { readonly type: string; readonly tag: string; readonly plain: Buffer; readonly gzip: Buffer }

/** What is asked for by no name of a file is the page: its paths are told apart in the browser. */
export function clientFiles(): ClientFiles {
  let all: Promise<ReadonlyMap<string, Served>> | undefined
  return {
    serve: async (path, { method, headers }, response) => {
      if (method !== 'GET' && method !== 'HEAD') return void response.writeHead(405, { allow: 'GET, HEAD' }).end()
      const files = await (all ??= prepared().catch((error: unknown) => {
        // A source that was wrong may be mended by the next request.
        all = undefined
        throw error
      }))
      const found =
        files.get(path.slice(1)) ?? (/^\/[^/]+\.(?:js|css|svg|ico|map|txt)$/.test(path) ? undefined : files.get('index.html'))
      if (found === undefined) return void response.writeHead(404).end()
      response.setHeader('etag', found.tag).setHeader('cache-control', 'no-cache').setHeader('vary', 'accept-encoding')
      if (headers['if-none-match'] === found.tag) return void response.writeHead(304).end()
      const zipped = /\bgzip\b/.test(String(headers['accept-encoding'] ?? ''))
      if (zipped) response.setHeader('content-encoding', 'gzip')
      const bytes = zipped ? found.gzip : found.plain
      response.writeHead(200, { 'content-type': found.type, 'content-length': bytes.length })
      response.end(method === 'HEAD' ? undefined : bytes)
    },
  }
}

async function prepared(): Promise<ReadonlyMap<string, Served>> {
  return new Map(
    Object.entries(await loadClient()).map(([name, text]) => {
      const plain = Buffer.from(text)
      const tag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`
      return [name, { type: TYPES[name.split('.').at(-1)!]!, tag, plain, gzip: gzipSync(plain, { level: 9 }) }]
    }),
  )
}

/** Built with the package; in the repository from its sources. */
export async function loadClient(): Promise<Client> {
  const built = new URL('../client/', import.meta.url)
  if (existsSync(new URL('console.js', built)))
    return Object.fromEntries(
      ['index.html', 'console.js', 'console.css', 'trace-worker.js', 'icon.svg'].map((name) => [
        name,
        readFileSync(new URL(name, built), 'utf8'),
      ]),
    )
  const { bundle } = (await import(new URL('../bundle.ts', import.meta.url).href)) as { readonly bundle: () => Promise<Client> }
  return bundle()
}
