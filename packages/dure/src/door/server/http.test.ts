import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectPlain, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { realRuntime } from '../../runtime/runtime.ts'
import { createLogger } from '../../telemetry/telemetry.ts'
import { openState } from '../open-door.ts'
import { certificateFiles } from './certificates.test-support.ts'
import { openHttp } from './http.ts'
import type { DoorTls } from './tls.ts'

const limits = { requests: 10, deadline: 60_000, drain: 10_000, handover: 5_000, heartbeat: 15_000 }

async function opened(t: TestContext, tls?: DoorTls) {
  const runtime = realRuntime()
  const said: string[] = []
  const log = createLogger({ clock: runtime.clock, write: (line) => void said.push(line), fields: {} })
  const host = { authenticate: undefined, remembers: () => false } as never
  const state = openState({ door: 'test', limits, world: { runtime, log }, host })
  const where = { host: '127.0.0.1', port: 0, tls, handed: undefined }
  const door = await openHttp(state, { ...where, answer: (_request, response) => void response.end('answered') })
  t.after(() => door.close({ timeout: 0 }))
  return { door, said, port: Number(new URL(door.origin).port) }
}

async function shake(t: TestContext, port: number, ca: string): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca, checkServerIdentity: () => undefined })
  t.after(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

async function shown(t: TestContext, port: number, ca: string): Promise<string> {
  const socket = await shake(t, port, ca)
  const { CN } = socket.getPeerCertificate().subject
  socket.destroy()
  return String(CN)
}

async function ask(socket: Socket): Promise<string> {
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  return bytes.toString('latin1')
}

async function until(met: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await met())) await new Promise((resolve) => setImmediate(resolve))
}

test('a door answers over HTTP, and closes once', async (t) => {
  const { door, port } = await opened(t)
  assert.match(door.origin, /^http:\/\/127\.0\.0\.1:\d+$/)
  const socket = connectPlain({ host: '127.0.0.1', port })
  t.after(() => void socket.destroy())
  assert.match(await ask(socket), /^HTTP\/1.1 200/)
  assert.equal(door.close(), door.close())
  await door.close()
})

test('certificates are taken anew when their files change; half a change is not, and connections stay', async (t) => {
  const files = certificateFiles(t, 'old')
  const { door, said, port } = await opened(t, { certificates: [files], reload: 20 })
  assert.match(door.origin, /^https:/)
  const connection = await shake(t, port, files.ca)
  assert.match(await ask(connection), /^HTTP\/1.1 200/)

  files.replaceHalf('half')
  await until(() => said.some((line) => line.includes('has a key that does not belong to it')))
  assert.equal(await shown(t, port, files.ca), 'old')

  files.replace('new')
  await until(async () => (await shown(t, port, files.ca)) === 'new')
  assert.match(await ask(connection), /^HTTP\/1.1 200/)
})

test('plain text is refused by a door over TLS, and who says nothing keeps nobody from being served', async (t) => {
  const files = certificateFiles(t, 'one')
  const { port } = await opened(t, { certificates: [files] })
  const plain = connectPlain({ host: '127.0.0.1', port })
  t.after(() => void plain.destroy())
  plain.on('error', () => {})
  plain.resume().write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(plain, 'close')
  const silent = connectPlain({ host: '127.0.0.1', port })
  t.after(() => void silent.destroy())
  await once(silent, 'connect')
  assert.match(await ask(await shake(t, port, files.ca)), /^HTTP\/1.1 200/)
})

test('a door does not open with certificates that cannot be used, or where somebody listens', async (t) => {
  const nowhere = { certificateFile: '/nowhere.crt', keyFile: '/nowhere.key' }
  await assert.rejects(opened(t, { certificates: [nowhere] }), /The file "\/nowhere.crt" cannot be read/)
  await assert.rejects(opened(t, { certificates: [] }), /Cannot use the certificates: There is none/)
  const { port } = await opened(t)
  const taken = openHttp({ world: { runtime: realRuntime() } } as never, {
    ...{ host: '127.0.0.1', port, handed: undefined },
    answer: () => {},
  })
  await assert.rejects(taken, /the port is in use; choose another/)
})
