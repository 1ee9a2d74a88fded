import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net, { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { joinSystemd } from './systemd.ts'

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dure-systemd-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('what a unit hands over is taken by its name, and is nothing that children inherit', (t) => {
  const folder = folderOf(t)
  for (const [file, text] of Object.entries({ env_PASSWORD: 'opens "it"\n', env_GREETING: 'hello', certificate: '…' }))
    writeFileSync(join(folder, file), text)
  const env = {
    ...{ LISTEN_PID: String(process.pid), LISTEN_FDS: '3', LISTEN_FDNAMES: 'game:rest:game', NOTIFY_SOCKET: '/run/nowhere' },
    ...{ WATCHDOG_USEC: '1000000', CREDENTIALS_DIRECTORY: folder, GREETING: 'set by the unit', DURE_COPY: '2' },
  }
  const { sockets, copy } = joinSystemd(env)!
  assert.deepEqual(
    [...sockets],
    [
      ['game', 3],
      ['rest', 4],
      ['game#2', 5],
    ],
  )
  assert.equal(copy, 2)
  assert.deepEqual(env, {
    ...{ CREDENTIALS_DIRECTORY: folder, GREETING: 'set by the unit', PASSWORD: 'opens "it"\n', DURE_COPY: '2' },
  })
})

test('what was said to another process, or in no words of systemd, is not taken', () => {
  const other = { LISTEN_PID: String(process.ppid), LISTEN_FDS: '1', LISTEN_FDNAMES: 'rest' }
  assert.equal(joinSystemd({ ...other }), undefined)
  assert.equal(joinSystemd({}), undefined)
  assert.equal(joinSystemd({ ...other, NOTIFY_SOCKET: '/run/nowhere' })!.sockets.size, 0)
  const own = { LISTEN_PID: String(process.pid), LISTEN_FDNAMES: 'rest' }
  for (const LISTEN_FDS of ['', 'many', '-1', '0']) assert.equal(joinSystemd({ ...own, LISTEN_FDS }), undefined)
  assert.deepEqual([...joinSystemd({ ...own, LISTEN_FDS: '1', LISTEN_FDNAMES: undefined })!.sockets.keys()], ['unknown'])
})

/** A door on a socket of ours, told what systemd tells; `said`: what it tells in return. */
async function unit(t: TestContext, notify: string | undefined) {
  const folder = folderOf(t)
  const [go, log, bin] = [join(folder, 'go'), join(folder, 'said'), join(folder, 'bin')]
  for (const file of [go, log]) writeFileSync(file, '')
  mkdirSync(bin)
  if (notify !== undefined) writeFileSync(join(bin, 'systemd-notify'), `#!/bin/sh\n${notify}\n`, { mode: 0o755 })
  const bound = new net.BoundSocket({ host: '127.0.0.1', port: 0 })
  const program = join(import.meta.dirname, 'door.test-support.ts')
  // As systemd does it: the process is told its own number.
  const words = ['-c', 'LISTEN_PID=$$ exec "$0" --conditions=dure-source "$@"', process.execPath, program, go]
  const child = spawn('/bin/sh', words, {
    stdio: ['ignore', 'pipe', 'pipe', bound.fd()],
    env: {
      ...{ PATH: [bin, '/usr/bin', '/bin'].slice(0, notify === undefined ? 1 : 3).join(delimiter), LOG: log },
      ...{ LISTEN_FDS: '1', LISTEN_FDNAMES: 'door', NOTIFY_SOCKET: log, WATCHDOG_USEC: '2000', WATCHDOG_PID: undefined },
    },
  })
  t.after(() => child.kill('SIGKILL'))
  let errors = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => void (errors += text))
  const lines = createInterface(child.stdout!)[Symbol.asyncIterator]()
  assert.equal((await lines.next()).value, 'working')
  return { child, lines, bound, errors: () => errors, said: () => readFileSync(log, 'utf8').split('\n').slice(0, -1) }
}

test(
  'a unit: its socket is listened on, and it hears readiness, life and the end, in their order',
  { timeout: 60_000 },
  async (t) => {
    // As slow as the real one may be: one is said after the other.
    const { child, lines, bound, said } = await unit(t, 'sleep 0.01; echo "$1" >> "$NOTIFY_SOCKET"')
    const { port } = bound.address() as net.AddressInfo
    const socket = connect(port, '127.0.0.1').setEncoding('utf8')
    const [answer] = (await once(socket, 'data')) as [string]
    assert.equal(answer, String(child.pid))
    while (said().length < 3) await setTimeout(5)
    assert.deepEqual(said().slice(0, 3), ['READY=1', 'WATCHDOG=1', 'WATCHDOG=1'])
    const ended = once(child, 'close')
    child.kill('SIGTERM')
    assert.equal((await lines.next()).value, 'stopping {"everything":false,"replaced":false}')
    assert.deepEqual(await ended, [0, null])
    const all = said()
    assert.ok(all.includes('STOPPING=1'), all.join())
  },
)

test('systemd that cannot be told is said, with what to do', { timeout: 60_000 }, async (t) => {
  for (const [notify, why] of [
    [undefined, /Cannot tell systemd READY=1: spawn systemd-notify ENOENT; install systemd-notify/],
    ['echo "Failed to notify init system" >&2; exit 1', /Cannot tell systemd READY=1: Failed to notify init system; install/],
  ] as const) {
    const { child, errors } = await unit(t, notify)
    while (!why.test(errors())) await setTimeout(5)
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])
  }
})
