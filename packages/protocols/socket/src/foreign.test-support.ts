/**
 * `node foreign.test-support.ts CLIENTS AUTOBAHN`: Python's websockets, netcat and Python's datagrams on a socket door, and Autobahn's fuzzing
 * client on what frames its WebSockets; a line for each check.
 */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { check } from '@dure/testing/foreign'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import type { ListenOptions } from './listener.ts'
import { limitsOf } from './limits.ts'
import { house } from './rooms.test-support.ts'
import { listenWebSocket } from './websocket.ts'

/** Others of Autobahn's cases may be named, `12.*` and `13.*` of compression for instance, which take minutes. */
const [, , clients = '', autobahn = '', ...named] = process.argv
const CASES = named.length > 0 ? named : ['1.*', '2.*', '3.*', '4.*', '5.*', '6.*', '7.*', '10.*']
const isCompressed = CASES.some((one) => /^1[23]\./.test(one))
const program = fileURLToPath(new URL('foreign.py', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'dure-socket-foreign-'))
const afterwards: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
const rooms = await house({ after: (task: () => unknown) => void afterwards.push(task) } as unknown as TestContext, {
  door: { compression: true },
})

// oxlint-disable-next-line typescript/no-explicit-any
const python = async (...words: readonly string[]): Promise<any> =>
  JSON.parse((await promisify(execFile)(join(clients, 'venv/bin/python'), [program, ...words])).stdout)

await check(
  "Python's websockets calls, talks in a channel, is cut off, comes back to its session, and hears why it is ended",
  async () => {
    const seen = await python('ws', rooms.ws)
    assert.equal(seen.subprotocol, 'dure.socket.v1')
    assert.deepEqual(seen.echo, { type: 'answer', id: 1, value: { at: '2026-11-30T00:00:00.000Z', size: '9007199254740993' } })
    assert.deepEqual([seen.full.error.code, seen.full.error.data.room], ['FULL', 'full'])
    assert.equal(seen.talk.value, 'Sori: 안녕')
    assert.equal(seen.back.resumed, true)
    assert.equal(seen.missed.value, 'Sori: missed')
    assert.deepEqual([seen.bye.code, seen.code], ['MALFORMED_REQUEST', 4400])
  },
)

await check('netcat sends lines and has its answers, with all that it says before it ends its side', async () => {
  const netcat = spawn(join(clients, 'netcat/bin/nc.traditional'), ['-q', '30', '127.0.0.1', String(rooms.tcp)])
  let came = ''
  netcat.stdout.setEncoding('utf8').on('data', (text: string) => (came += text))
  netcat.stdin.end(
    '{"type":"call","id":1,"call":"rooms.enter","input":{"room":"a"}}\n{"type":"call","id":2,"call":"rooms.count","input":{"to":2}}\n',
  )
  await new Promise((resolve) => netcat.once('close', resolve))
  const messages = came
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: number; type: string })
  assert.deepEqual(
    messages.filter(({ id }) => id === 1),
    [{ type: 'answer', id: 1, value: 1 }],
  )
  assert.deepEqual(
    messages.filter(({ id }) => id === 2).map(({ type }) => type),
    ['value', 'value', 'end'],
  )
})

await check(
  'a Python program sends datagrams: the newest of a key counts, and none of its answers is larger than what it sent',
  async () => {
    const seen = await python('udp', String(rooms.udp))
    assert.equal(seen.move.message.value, 1.5)
    assert.equal(seen.next.message.value, 2)
    assert.ok(!rooms.seen.includes('move 9'))
    assert.equal(seen.small.message.error.code, 'DATAGRAM_TOO_SMALL')
    assert.equal(seen.padded.message.value.length, 500)
    for (const { sent, came } of Object.values(seen) as { sent: number; came: number }[])
      assert.ok(came <= sent, `${came} for ${sent}`)
  },
)

/** What frames the door's WebSockets, with an echo in the place of calls. */
async function echo(): Promise<{ readonly url: string; readonly stop: () => void }> {
  const limits = limitsOf({ message: 67_108_864, buffer: 134_217_728 })
  const state = { limits, world: { runtime: realRuntime(), log: silentLogger() } } as unknown as ListenOptions['state']
  const nothing = (): void => {}
  const listener = await listenWebSocket({
    ...{ state, host: '127.0.0.1', port: 0, handed: undefined, secure: undefined, path: '/', origins: [] },
    compression: isCompressed,
    mayAccept: () => true,
    accept: ({ send }) => ({
      ...{ receive: send, heard: nothing, drained: nothing, closed: nothing, close: nothing, finish: nothing },
    }),
  })
  return { url: `ws://127.0.0.1:${(listener.address as { port: number }).port}`, stop: listener.stop }
}

const CLIENT = `import sys
sys.argv = ['wstest', '-m', 'fuzzingclient', '-s', 'spec.json']
from autobahntestsuite.wstest import run
run()`

type Judged = Readonly<Record<string, { readonly behavior: string }>>

await check(`Autobahn finds no fault with what frames the WebSockets: ${CASES.join(' ')}`, async () => {
  const { url, stop } = await echo()
  const spec = {
    ...{
      outdir: './reports',
      servers: [{ agent: 'dure', url }],
      cases: CASES,
    },
    // Binary messages: the door has none, and closes with 1003.
    ...{ 'exclude-cases': ['1.2.*', '12.2.*', '12.3.*', '12.5.*'], 'exclude-agent-cases': {} },
  }
  writeFileSync(join(folder, 'spec.json'), JSON.stringify(spec))
  await promisify(execFile)('python2.7', ['-c', CLIENT], {
    ...{ cwd: folder, maxBuffer: 2 ** 26 },
    env: { ...process.env, PYENV_VERSION: '2.7', PYTHONUSERBASE: autobahn },
  })
  stop()
  const { dure } = JSON.parse(readFileSync(join(folder, 'reports/index.json'), 'utf8')) as { dure: Judged }
  const by = [...Map.groupBy(Object.values(dure), ({ behavior }) => behavior)].map(([name, all]) => `${all.length} ${name}`)
  console.log(`  ${by.join(', ')}`)
  assert.ok(Object.keys(dure).length > (named.length > 0 ? 0 : 200))
  const fine = new Set(['OK', 'INFORMATIONAL', 'NON-STRICT'])
  // How a connection closes Autobahn judges by a second of its own clock, which a busy machine does not have.
  const wrong = Object.entries(dure).filter(([, { behavior }]) => !fine.has(behavior))
  assert.deepEqual(wrong, [])
})

for (const task of afterwards.toReversed()) await task()
