import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { request } from 'node:http'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { auditLog, type AuditEntry } from 'dure/audit'
import { contract, event } from 'dure/contract'
import { database } from 'dure/data'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { control } from './control/control.ts'
import { dure, SOURCES, temporary } from './shell.test-support.ts'

const BIN = join(SOURCES, '../bin/dure.js')
const Lent = event('book.lent', { schema: z.object({ book: z.string() }), key: (e) => e.book })
const Books = contract('books', { version: '1.0.0', owner: 'tests', operations: {}, events: [Lent] })

async function library(t: TestContext): Promise<string> {
  const trail = auditLog('tests/operators', { key: generateKeyPairSync('ed25519').privateKey })
  const books = service(Books, { database: database({ migrations: {} }), extensions: [trail], handlers: {} })
  const directory = temporary()
  const whole = system('library', { services: [books], audit: trail, telemetry: false, doors: [control()] })
  const running = await start(whole, { directory, log: silentLogger() })
  t.after(() => running.stop())
  return directory
}

const acts = async (directory: string): Promise<readonly string[]> => {
  const { out } = await dure(['audit', 'list', '--json', '--data', directory])
  const told = ({ actor, action, about, personal }: AuditEntry) =>
    `${actor} ${action} ${String(about!['outcome'])}: ${personal['reason']}`
  return (JSON.parse(out) as AuditEntry[]).map(told)
}

/** Each revision, as the SDK's own client speaks it. */
const ERAS = [['2026-07-28', { pin: '2026-07-28' }] as const, ['initialize', 'legacy'] as const]

async function connected(t: TestContext, mode: 'legacy' | { readonly pin: string }, transport: unknown): Promise<Client> {
  const client = new Client({ name: 'tests', version: '1.0.0' }, { versionNegotiation: { mode } })
  await client.connect(transport)
  t.after(() => client.close())
  return client
}

/** What a client sees and does, whatever carries it. */
async function tryTools(client: Client, directory: string): Promise<void> {
  assert.equal(client.getServerVersion()?.name, 'dure')
  const { tools } = await client.listTools()
  const tool = (name: string) => tools.find((one) => one.name === name)!
  assert.deepEqual(tool('health.show').annotations, { readOnlyHint: true, destructiveHint: false, openWorldHint: false })
  assert.deepEqual(tool('letters.discard').annotations, { readOnlyHint: false, destructiveHint: true, openWorldHint: false })
  for (const { name, annotations, inputSchema } of tools)
    assert.equal(inputSchema.required?.includes('reason') === true, annotations!.destructiveHint, name)

  const health = await client.callTool({ name: 'health.show' })
  assert.deepEqual((health.structuredContent as { ready: unknown }).ready, { ok: true, reasons: [] })
  assert.deepEqual(JSON.parse(health.content[0]!.text!), health.structuredContent)
  const topics = await client.callTool({ name: 'topics.list', arguments: {} })
  assert.equal((topics.structuredContent as { value: { topic: string }[] }).value[0]!.topic, 'book.lent')
  const watched = await client.callTool({ name: 'health.watch', arguments: { values: 1 } })
  assert.equal((watched.structuredContent as { values: unknown[] }).values.length, 1)

  const publish = { event: 'book.lent', data: { book: 'Momo' } }
  for (const reason of [undefined, ' ']) {
    const refused = await client.callTool({ name: 'topics.publish', arguments: { ...publish, ...(reason && { reason }) } })
    assert.equal(refused.isError, true)
    assert.match(refused.content[0]!.text!, /^INVALID_ARGUMENT: .*needs a reason/)
  }
  assert.deepEqual(await acts(directory), [])
  const done = await client.callTool({ name: 'topics.publish', arguments: { ...publish, reason: '잃어버렸다' } })
  assert.equal((done.structuredContent as { key: string }).key, 'Momo')
  const lines = ['kim topics.publish begun: 잃어버렸다', 'kim topics.publish done: 잃어버렸다']
  while ((await acts(directory)).length < 2) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.deepEqual(await acts(directory), lines)
  await assert.rejects(client.callTool({ name: 'topics.burn' }), /There is no tool "topics.burn"/)
  const wrong = await client.callTool({ name: 'topics.browse', arguments: { topic: 7 } })
  assert.match(wrong.content[0]!.text!, /^INVALID_ARGUMENT: .*topic/)
}

for (const [era, mode] of ERAS) {
  test(`the client of MCP's own SDK works over standard input and output (${era})`, { timeout: 120_000 }, async (t) => {
    const directory = await library(t)
    const args = [BIN, 'mcp', '--data', directory, '--by', 'kim']
    const program = { command: process.execPath, args, stderr: 'pipe' } as const
    await tryTools(await connected(t, mode, new StdioClientTransport(program)), directory)
  })
}

/** `dure mcp --http` in this process. */
async function listening(t: TestContext, directory: string): Promise<{ readonly url: URL; readonly authorization: string }> {
  const [stop, told] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()]
  const onOut = (out: string): void => void (out.split('\n').length > 2 && told.resolve(out))
  const args = ['mcp', '--http', '--data', directory, '--by', 'kim']
  const ended = dure(args, { stop: stop.promise, onOut })
  t.after(async () => {
    stop.resolve()
    assert.equal((await ended).code, 0)
  })
  const [url, header] = (await told.promise).split('\n') as [string, string]
  return { url: new URL(url), authorization: header.slice('Authorization: '.length) }
}

for (const [era, mode] of ERAS) {
  test(`the client of MCP's own SDK works over HTTP (${era})`, { timeout: 120_000 }, async (t) => {
    const directory = await library(t)
    const { url, authorization } = await listening(t, directory)
    const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers: { authorization } } })
    await tryTools(await connected(t, mode, transport), directory)
  })
}

type Answer = { readonly status: number; readonly body: string }

/** A request as it is, for headers that no client would send. */
function send(url: URL, headers: Readonly<Record<string, string>>, body: string, method = 'POST'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => (text += String(chunk)))
      response.on('end', () => resolve({ status: response.statusCode!, body: text }))
    })
    sent.once('error', reject)
    sent.end(body)
  })
}

test('over HTTP nobody gets in from elsewhere or without the token, and what is malformed is refused in the words of the protocol', async (t) => {
  const { url, authorization } = await listening(t, temporary())
  const version = '2026-07-28'
  const asked = (method: string, params: object = {}, of = version) =>
    JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method,
      params: { ...params, _meta: { 'io.modelcontextprotocol/protocolVersion': of } },
    })
  const headers = { authorization, 'mcp-protocol-version': version, 'mcp-method': 'server/discover' }
  const discover = asked('server/discover')
  const codeOf = ({ status, body }: Answer) => [status, (JSON.parse(body) as { error?: { code: number } }).error?.code]
  assert.deepEqual(codeOf(await send(url, headers, discover)), [200, undefined])
  assert.deepEqual(codeOf(await send(url, { ...headers, authorization: 'Bearer x' }, discover)), [401, -32_600])
  assert.deepEqual(codeOf(await send(url, { ...headers, host: 'rebound.example' }, discover)), [403, -32_600])
  assert.deepEqual(codeOf(await send(url, { ...headers, origin: 'https://page.example' }, discover)), [403, -32_600])
  assert.deepEqual(codeOf(await send(url, { ...headers, origin: 'null' }, discover)), [403, -32_600])
  assert.equal((await send(url, { ...headers, origin: 'http://localhost:3000' }, discover)).status, 200)
  assert.equal((await send(url, headers, '', 'GET')).status, 405)
  assert.deepEqual(codeOf(await send(url, headers, '{"jsonrpc"')), [400, -32_700])
  assert.deepEqual(codeOf(await send(url, headers, '[]')), [400, -32_600])
  assert.deepEqual(codeOf(await send(url, headers, '{"jsonrpc":"2.0","id":null,"method":"ping"}')), [400, -32_600])
  assert.deepEqual(codeOf(await send(url, { ...headers, 'mcp-method': 'tools/list' }, discover)), [400, -32_020])
  const old = { ...headers, 'mcp-protocol-version': '1900-01-01' }
  assert.deepEqual(codeOf(await send(url, old, discover)), [400, -32_020])
  const unsupported = await send(url, old, asked('server/discover', {}, '1900-01-01'))
  assert.deepEqual(codeOf(unsupported), [400, -32_022])
  assert.match(unsupported.body, /"supported":\["2026-07-28"/)
  assert.deepEqual(codeOf(await send(url, { ...headers, 'mcp-method': 'none' }, asked('none'))), [404, -32_601])
  const call = {
    ...headers,
    'mcp-method': 'tools/call',
    'mcp-name': `=?base64?${Buffer.from('health.show').toString('base64')}?=`,
  }
  const none = await send(url, call, asked('tools/call', { name: 'health.show' }))
  assert.deepEqual(codeOf(none), [500, -32_603])
  assert.match(none.body, /Nothing runs on the data directory/)
  assert.equal((await send(url, headers, '{"jsonrpc":"2.0","method":"notifications/initialized"}')).status, 202)
  assert.equal((await send(new URL('/else', url), headers, discover)).status, 404)
})

test('with --read-only there is no tool that changes anything', async (t) => {
  const directory = await library(t)
  const asking = ['tools/list', 'tools/call'].map((method, id) =>
    JSON.stringify({ jsonrpc: '2.0', id, method, params: { name: 'topics.publish', arguments: { reason: 'x' } } }),
  )
  const { code, out } = await dure(['mcp', '--read-only', '--data', directory], { stdin: `${asking.join('\n')}\n` })
  assert.equal(code, 0)
  const answers = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: number; result?: { tools: object[] }; error?: object })
  const [listed, called] = answers.toSorted((a, b) => a.id - b.id)
  assert.ok(listed!.result!.tools.length > 10)
  assert.doesNotMatch(JSON.stringify(listed), /"destructiveHint":true/)
  assert.match(JSON.stringify(called!.error), /There is no tool/)
})
