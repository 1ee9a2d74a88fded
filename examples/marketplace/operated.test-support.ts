/**
 * `npm run peers -- operated`: the marketplace in one process and in eleven, asked over the console, by `dure` and by the tools that a model
 * has (MCP). All three know the same and do the same, wherever services run. One line a check.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Story } from 'dure/story'
import { runSplit, type SplitRun } from './split.test-support.ts'

const DURE = join(fileURLToPath(import.meta.resolve('@dure/cli')), '../../bin/dure.js')

type Operation = { readonly name: string; readonly kind: string }
type Contract = { readonly name: string; readonly operations: readonly Operation[] }
type Levels = { readonly levels: readonly { readonly copy: string; readonly level: string; readonly usual: string }[] }
type Named = { readonly name: string }

function well(what: string): void {
  console.log(`✔ ${what}`)
}

/** What a command prints, with these lines on its standard input. */
function dure(words: readonly string[], stdin = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [DURE, ...words], { maxBuffer: 2 ** 26 }, (error, out, said) =>
      error === null ? resolve(out) : reject(new Error(`"dure ${words.join(' ')}" failed: ${said.trim()}`)),
    )
    child.stdin!.end(stdin)
  })
}

type Browser = {
  readonly contracts: readonly Contract[]
  readonly ask: <T>(operation: string, input?: unknown, reason?: string) => Promise<T>
}

/** The console as its pages ask it, by the link that is printed. */
async function browser(said: string): Promise<Browser> {
  const [, url = '', token = ''] = /(http:\/\/127\.0\.0\.1:\d+)\/#open=([\w-]+)/.exec(said) ?? []
  const json = { 'content-type': 'application/json' }
  const entered = await fetch(`${url}/api/session`, { method: 'POST', headers: json, body: JSON.stringify({ token }) })
  assert.equal(entered.status, 200, said)
  const cookie = entered.headers.get('set-cookie')!.split(';')[0]!
  const { contracts } = (await (await fetch(`${url}/api/operator`, { headers: { cookie } })).json()) as {
    readonly contracts: readonly Contract[]
  }
  return {
    contracts,
    ask: async <T>(operation: string, input: unknown = {}, reason?: string) => {
      const headers = { ...json, cookie, ...(reason !== undefined && { 'x-dure-reason': reason }) }
      const path = `/api/operator/${operation.replace('.', '/')}`
      const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(input) })
      const text = await answer.text()
      assert.equal(answer.status, 200, `${operation}: ${text}`)
      return (JSON.parse(text) as { readonly value: T }).value
    },
  }
}

type Model = { readonly tools: () => Promise<readonly Named[]>; readonly call: <T>(name: string, input?: object) => Promise<T> }

/** The tools of `dure mcp`, over its standard input and output. */
function model(directory: string): Model {
  const send = async <T>(method: string, params: object): Promise<T> => {
    const line = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
    const answer = JSON.parse(await dure(['mcp', '--data', directory, '--by', 'model'], `${line}\n`)) as { readonly result?: T }
    assert.ok(answer.result !== undefined, JSON.stringify(answer))
    return answer.result
  }
  return {
    tools: async () => (await send<{ readonly tools: readonly Named[] }>('tools/list', {})).tools,
    call: async <T>(name: string, input: object = {}) => {
      type Called = { readonly structuredContent: T; readonly isError?: boolean }
      const { structuredContent, isError } = await send<Called>('tools/call', { name, arguments: input })
      assert.notEqual(isError, true, JSON.stringify(structuredContent))
      return structuredContent
    },
  }
}

/** Has the commands done that it says to try; gives the trace of the checkout. */
async function order(shop: SplitRun): Promise<string> {
  const [, trace = ''] = /traceparent: 00-([0-9a-f]{32})-/.exec(shop.said()) ?? []
  for (const { method, at, body } of shop.commands) {
    const traceparent = at.endsWith('/checkout') ? { traceparent: `00-${trace}-${'1'.repeat(16)}-01` } : {}
    const answer = await fetch(at, { method, body, headers: { 'content-type': 'application/json', ...traceparent } })
    assert.equal(answer.status, 202, await answer.text())
  }
  for (;;) {
    const [made] = (await (await fetch(`${shop.url}/order/1`)).json()) as { readonly status: string }[]
    if (made?.status === 'READY_FOR_SHIPMENT') return trace
    await sleep(50)
  }
}

/** What followed from what, without what differs from run to run. */
function outline({ state, messages }: Story): unknown {
  const told = messages.map(({ type, source, state: sent, reactions }) => ({
    ...{ type, source, sent },
    reactions: reactions.map(({ consumer, state: done }) => `${consumer} ${done}`).toSorted(),
  }))
  return { state, messages: told.toSorted((a, b) => (a.type < b.type ? -1 : 1)) }
}

/** Told by all three; of what is told while it still goes on, the last counts. */
async function storyOf(trace: string, directory: string, page: Browser): Promise<Story> {
  for (;;) {
    const seen = await page.ask<Story>('story.tell', { about: trace })
    const printed = JSON.parse(await dure(['story', trace, '--json', '--data', directory])) as Story
    const called = await model(directory).call<Story>('story.tell', { about: trace })
    const again = await page.ask<Story>('story.tell', { about: trace })
    if (seen.state !== 'done' || JSON.stringify(outline(seen)) !== JSON.stringify(outline(again))) {
      await sleep(100)
      continue
    }
    assert.deepEqual(outline(printed), outline(seen))
    assert.deepEqual(outline(called), outline(seen))
    return seen
  }
}

/** How services log is the same to all three, and other than usual for these copies alone. */
async function levels(directory: string, page: Browser, changed: readonly string[]): Promise<Levels> {
  const [seen, printed, called] = [
    await page.ask<Levels>('diagnostics.levels'),
    JSON.parse(await dure(['log', 'level', '--json', '--data', directory])) as Levels,
    await model(directory).call<Levels>('diagnostics.levels'),
  ]
  assert.deepEqual(printed, seen)
  assert.deepEqual(called, seen)
  const other = seen.levels.filter(({ level, usual }) => level !== usual).map(({ copy, level }) => `${copy} ${level}`)
  assert.deepEqual(other.toSorted(), changed)
  return seen
}

async function prove(how: 'together' | '--split'): Promise<Story> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-operated-'))
  const shop = await runSplit(directory, { CONSOLE_PORT: '0' }, how)
  try {
    const page = await browser(shop.said())
    const tools = model(directory)
    const { processes } = await page.ask<{ readonly processes: readonly (Named & { readonly members: readonly string[] })[] }>(
      'processes.list',
    )
    const names = processes.map(({ name }) => name)
    assert.equal(names.length, how === 'together' ? 1 : 11, names.join())
    if (how === '--split') {
      const printed = JSON.parse(await dure(['scale', '--json', '--data', directory])) as readonly Named[]
      assert.deepEqual(
        printed.map(({ name }) => name),
        names,
      )
    }
    const where = `${names.length === 1 ? 'one process' : `${names.length} processes`}`
    well(`${where}: ${names.join(', ')}`)

    const asked = page.contracts.flatMap(({ name, operations }) => operations.map((one) => `${name}.${one.name}`)).toSorted()
    assert.deepEqual((await tools.tools()).map(({ name }) => name).toSorted(), asked)
    well(`${where}: the console and MCP know the same ${asked.length} operations of ${page.contracts.length} contracts`)

    const { usual } = (await levels(directory, page, [])).levels.find(({ copy }) => copy === 'order')!
    const [one, two, three] = ['debug', 'info', 'warn', 'error'].filter((level) => level !== usual) as [string, string, string]
    await page.ask('diagnostics.setLevel', { of: 'order', level: one, seconds: 600 }, 'looking')
    await levels(directory, page, [`order ${one}`])
    await dure(['log', 'level', 'order', two, '--data', directory])
    await levels(directory, page, [`order ${two}`])
    await tools.call('diagnostics.setLevel', { of: 'cart', level: three, seconds: 600, reason: 'looking' })
    await levels(directory, page, [`cart ${three}`, `order ${two}`])
    well(`${where}: a level changed in the console, by dure and by a tool is seen by all three`)

    const story = await storyOf(await order(shop), directory, page)
    assert.deepEqual(story.unseen, [])
    well(
      `${where}: the story of a checkout, ${story.messages.length} messages, is the same in the console, by dure and by a tool`,
    )
    assert.equal(await shop.stop(), 0, shop.errors())
    return story
  } finally {
    shop.child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true, maxRetries: 20 })
  }
}

try {
  const [one, many] = [await prove('together'), await prove('--split')]
  assert.deepEqual(outline(many), outline(one))
  well('the story is the same in one process and in eleven')
} catch (error) {
  console.log(`✖ ${(error as Error).stack}`)
  process.exitCode = 1
}
