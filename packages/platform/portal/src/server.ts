/** Which page a request asks for, in which language; what is sent with each. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { CallError } from 'dure/contract'
import { admit, languageOf, pageHeaders, refuseForeign, type Language, type OpenState } from 'dure/door/internal'
import type { Logger } from 'dure/telemetry'
import type { Catalogue } from './catalogue.ts'
import { eventPage, operationPage } from './described.ts'
import { errorContent, layout, settingOf, type Content, type Setting } from './layout.ts'
import { foundPage, homePage, productPage } from './pages.ts'
import { LONGEST_QUERY } from './search.ts'
import { ICON, STYLE } from './style.ts'

type Served = {
  readonly catalogue: Catalogue
  readonly hosts: ReadonlySet<string>
  readonly system: string
  readonly log: Logger
}

const HEADERS = pageHeaders("style-src 'self'; img-src 'self'; form-action 'self'")
const FILES: Readonly<Record<string, readonly [type: string, text: string]>> = {
  '/portal.css': ['text/css; charset=utf-8', STYLE],
  '/icon.svg': ['image/svg+xml', ICON],
}
const COOKIE = 'dure-portal-language'

export function answering(state: OpenState, served: Served): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const refused = admit(state)
    if (refused !== undefined) return send(request, response, { status: 503, type: 'text/plain', text: refused.message })
    answer(served, request, response)
      .catch((error: unknown) => {
        served.log.error('Cannot answer a request', { method: request.method, error })
        if (response.headersSent) response.destroy()
        else send(request, response, { status: 500, type: 'text/plain', text: 'Cannot answer the request' })
      })
      .finally(() => void state.calls--)
  }
}

type Sent = { readonly status: number; readonly type: string; readonly text: string }

function send({ method }: IncomingMessage, response: ServerResponse, { status, type, text }: Sent): void {
  const bytes = Buffer.from(text)
  response.writeHead(status, { ...HEADERS, 'content-type': type, 'content-length': bytes.length })
  response.end(method === 'HEAD' ? undefined : bytes)
}

async function answer(served: Served, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, headers, url = '/' } = request
  try {
    refuseForeign(request, { name: 'portal', hosts: served.hosts, asks: method !== 'GET' })
  } catch (error) {
    return send(request, response, { status: 403, type: 'text/plain; charset=utf-8', text: (error as Error).message })
  }
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return send(request, response, { status: 405, type: 'text/plain', text: 'Use GET or HEAD here' })
  }
  const file = FILES[url]
  if (file !== undefined) {
    response.setHeader('cache-control', 'max-age=300')
    return send(request, response, { status: 200, type: file[0], text: file[1] })
  }
  // A path that begins with two slashes would be the name of another server.
  const here = new URL(url.replace(/^[/\\]+/, '/'), 'http://portal')
  const wanted = here.searchParams.get('lang')
  if (wanted === 'en' || wanted === 'ko') return choose(request, response, here, wanted)
  const chosen = new RegExp(`(?:^|; *)${COOKIE}=(en|ko)(?:;|$)`).exec(headers.cookie ?? '')?.[1]
  const setting = settingOf(languageOf(headers['accept-language'], chosen), served.system)
  const content = await contentOf(served, setting, here).catch((error: unknown) => faultOf(served, setting, error))
  for (const [name, value] of [
    ['cache-control', 'no-cache'],
    ['vary', 'accept-language, cookie'],
    ['content-language', setting.language],
  ] as const)
    response.setHeader(name, value)
  const text = layout(setting, content, here, (here.searchParams.get('q') ?? '').slice(0, LONGEST_QUERY))
  send(request, response, { status: content.status ?? 200, type: 'text/html; charset=utf-8', text })
}

/** The language is kept for the next pages, and its choice leaves the address. */
function choose(request: IncomingMessage, response: ServerResponse, here: URL, language: Language): void {
  here.searchParams.delete('lang')
  response.setHeader('set-cookie', `${COOKIE}=${language}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax`)
  response.setHeader('location', `${here.pathname}${here.search}`)
  send(request, response, { status: 303, type: 'text/plain', text: '' })
}

const missing = ({ words }: Setting): Content => errorContent(words.notFound, words.notFoundText, 404)

/** @throws {CallError} as API management does */
async function contentOf({ catalogue }: Served, setting: Setting, { pathname, searchParams }: URL): Promise<Content> {
  if (pathname === '/') return homeOf(catalogue, setting, searchParams.get('q')?.trim() ?? '')
  const [top, name, kind, part, ...more] = partsOf(pathname)
  const known = kind === undefined || ((kind === 'operations' || kind === 'events') && part !== undefined)
  if (top !== 'products' || name === undefined || !known || more.length > 0) return missing(setting)
  const product = (await catalogue.products()).find((each) => each.name === name)
  const line = searchParams.get('line') ?? undefined
  if (product === undefined || (line !== undefined && product.versions.every((each) => each.line !== line)))
    return missing(setting)
  const read = await catalogue.described(name, line)
  if (kind === undefined) return productPage(setting, product, read)
  const all: Readonly<Record<string, unknown>> = read.contract[kind]
  if (!Object.hasOwn(all, part!)) return missing(setting)
  const named = { product: name, name: part!, read }
  if (kind === 'operations') return operationPage(setting, { ...named, described: read.contract.operations[part!]! })
  return eventPage(setting, { ...named, described: read.contract.events[part!]!, offered: product.events.includes(part!) })
}

async function homeOf(catalogue: Catalogue, setting: Setting, query: string): Promise<Content> {
  const { words } = setting
  if (query.length > LONGEST_QUERY) return errorContent(words.wrong, words.tooLong(LONGEST_QUERY), 400)
  if (query === '') return homePage(setting, await catalogue.products())
  return foundPage(setting, query, await catalogue.find(query))
}

/** None where they are not encoded as they should be. */
function partsOf(pathname: string): readonly (string | undefined)[] {
  try {
    return pathname.slice(1).split('/').map(decodeURIComponent)
  } catch {
    return []
  }
}

/** @throws {unknown} what is nobody's mistake but ours */
function faultOf({ log }: Served, setting: Setting, error: unknown): Content {
  if (!(error instanceof CallError)) throw error
  const { words } = setting
  if (error.code === 'NOT_FOUND') return missing(setting)
  if (error.code === 'FAILED_PRECONDITION') return errorContent(words.wrong, error.message, 500)
  log.warn('Cannot read what is published', { error })
  return errorContent(words.away, words.awayText, 503)
}
