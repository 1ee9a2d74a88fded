import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { freePort } from '@dure/testing/servers'
import { SOURCES, temporary } from './shell.test-support.ts'
import { BIN, heard, type Spawned } from './spawned.test-support.ts'

const SYSTEM = join(SOURCES, '../../../../examples/first-service/system.ts')
const [ACTIVATE, NOTIFY] = ['systemd-socket-activate', 'systemd-notify']
const missing = [ACTIVATE, NOTIFY, 'python3'].find((program) => spawnSync(program, ['--version']).status !== 0)
export const skip: string | false = missing === undefined ? false : `needs server: ${missing}`

/** Hears what is told to systemd, as Node cannot: a line each. */
const EAR = `
import socket, sys
ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ear.bind(sys.argv[1])
print("listening", flush=True)
while True:
    print(ear.recv(4096).decode().strip(), flush=True)
`

export async function notifySocket(
  t: TestContext,
): Promise<{ readonly path: string; readonly heardNext: () => Promise<string> }> {
  const path = join(temporary(), 'notify')
  const ear = spawn('python3', ['-c', EAR, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => ear.kill('SIGKILL'))
  const lines = createInterface(ear.stdout)[Symbol.asyncIterator]()
  await lines.next()
  const heardNext = async (): Promise<string> => {
    // A second datagram of each asks whether the first was heard.
    for (;;) {
      const { value } = (await lines.next()) as { readonly value: string }
      if (value !== 'BARRIER=1') return value
    }
  }
  return { path, heardNext }
}

/** `dure start` behind systemd's own program, which starts it when somebody comes. */
export function activated(words: readonly string[], options: { port: number; name: string; notify: string }): Spawned {
  const { port, name, notify } = options
  const program = [process.execPath, BIN, 'start', SYSTEM, '--data', temporary(), ...words]
  const env = ['PATH', 'HOME', `NOTIFY_SOCKET=${notify}`].flatMap((one) => ['--setenv', one])
  const listen = ['--listen', `127.0.0.1:${port}`, `--fdname=${name}`, ...env]
  return heard(spawn(ACTIVATE, [...listen, ...program]))
}

/** A call that comes before the process starts it and waits for its answer; then it is told to end. */
export async function takesOver(t: TestContext, words: readonly string[]): Promise<void> {
  const { path, heardNext } = await notifySocket(t)
  const port = await freePort()
  const running = activated(words, { port, name: 'rest', notify: path })
  await running.until(/Listening on 127/)
  const answer = await fetch(`http://127.0.0.1:${port}/notes/count`)
  assert.deepEqual(await answer.json(), { count: 0 })
  assert.equal(await heardNext(), 'READY=1')
  running.child.kill('SIGTERM')
  assert.equal(await heardNext(), 'STOPPING=1')
  assert.equal(await running.exit, 0, running.all())
}
