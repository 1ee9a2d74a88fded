import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { CallError } from 'dure/contract'
import { failureOf } from '../failure.ts'
import { readJson } from '../http.ts'
import { failed, readMessage, RPC, type McpServer, type RpcRequest, type RpcResponse } from './server.ts'

export const MCP_PATH = '/mcp'

/**
 * Serves MCP over streamable HTTP at `/mcp`, each request answered by one JSON object. Whoever has the token comes in; no page of another
 * origin does, and no name but this machine's is answered to (DNS rebinding).
 */
export function mcpRoutes(
  server: McpServer,
  { token }: { readonly token: string },
): (request: IncomingMessage, response: ServerResponse) => Promise<boolean> {
  return async (request, response) => {
    if (new URL(request.url ?? '/', 'http://mcp').pathname !== MCP_PATH) return false
    try {
      await answer(server, token, request, response)
    } catch (error) {
      const { status, failure } = failureOf(error)
      if (response.headersSent) response.destroy()
      else send(response, status, failed({ code: RPC.internal, message: failure.message }))
    }
    return true
  }
}

async function answer(server: McpServer, token: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { host, origin, authorization } = request.headers
  if (!isOwn(`http://${host ?? ''}`) || (origin !== undefined && !isOwn(origin)))
    return send(
      response,
      403,
      failed({ code: RPC.request, message: 'Only this machine may ask: its host and its origin are refused' }),
    )
  if (!hasToken(authorization, token)) {
    response.setHeader('www-authenticate', 'Bearer')
    return send(
      response,
      401,
      failed({ code: RPC.request, message: 'Send the token that was printed: Authorization: Bearer TOKEN' }),
    )
  }
  if (request.method !== 'POST') {
    response.setHeader('allow', 'POST')
    return send(response, 405, failed({ code: RPC.request, message: 'Use POST' }))
  }
  const message = await readJson(request).catch((error: unknown) => {
    if (error instanceof CallError && error.code === 'INVALID_ARGUMENT') return error
    throw error
  })
  if (message instanceof CallError) return send(response, 400, failed({ code: RPC.parse, message: message.message }))
  const read = readMessage(message)
  if (read.kind === 'unfit') return send(response, 400, read.error)
  if (read.kind === 'notification') return void response.writeHead(202).end()
  const mismatch = mismatchOf(request, read.request)
  if (mismatch !== undefined) return send(response, 400, failed({ code: RPC.headerMismatch, message: mismatch }, read.request.id))
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const answered = await server.answer(read.request, gone.signal)
  send(response, statusOf(answered, read.request), answered)
}

function send(response: ServerResponse, status: number, body: RpcResponse): void {
  if (response.destroyed) return
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(body))
}

/** Earlier revisions answer everything with 200. */
function statusOf(response: RpcResponse, { version }: RpcRequest): number {
  if (!('error' in response) || version === undefined) return 200
  const { code } = response.error
  return code === RPC.method ? 404 : code === RPC.internal ? 500 : 400
}

/** What headers say must be what the body says: others may have looked at them alone. */
function mismatchOf({ headers }: IncomingMessage, { version, method, params }: RpcRequest): string | undefined {
  if (version === undefined) return undefined
  const pairs: [name: string, said: unknown, is: unknown][] = [
    ['MCP-Protocol-Version', headers['mcp-protocol-version'], version],
    ['Mcp-Method', headers['mcp-method'], method],
    ...(method === 'tools/call' ? [['Mcp-Name', plain(headers['mcp-name']), params['name']] as [string, unknown, unknown]] : []),
  ]
  const wrong = pairs.find(([, said, is]) => said !== is)
  return (
    wrong && `The header ${wrong[0]} says ${JSON.stringify(wrong[1] ?? null)}, and the body ${JSON.stringify(wrong[2] ?? null)}`
  )
}

/** What is no plain ASCII comes as `=?base64?…?=`. */
function plain(value: string | readonly string[] | undefined): unknown {
  const [, text] = typeof value === 'string' ? (/^=\?base64\?(.*)\?=$/i.exec(value) ?? []) : []
  return text === undefined ? value : Buffer.from(text, 'base64').toString()
}

const OWN = new Set(['127.0.0.1', 'localhost', '[::1]'])

function isOwn(url: string): boolean {
  return URL.canParse(url) && OWN.has(new URL(url).hostname)
}

function hasToken(authorization: string | undefined, token: string): boolean {
  const given = Buffer.from(authorization ?? '')
  const wanted = Buffer.from(`Bearer ${token}`)
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}
