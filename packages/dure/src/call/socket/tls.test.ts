import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { CallError } from '../../contract/contract.ts'
import type { Peer } from '../peer.ts'
import type { CallContext } from '../context.ts'
import { connect, contextFor, echo, listen, until } from './rig.test-support.ts'
import type { ClientTls, ListenSocketOptions } from './socket.ts'

const directory = mkdtempSync(join(tmpdir(), 'dure-tls-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const program = 'openssl'
const hasOpenssl = spawnSync(program, ['version']).status === 0
// In the words by which the test runner says loudly what was not run.
const skip = hasOpenssl ? false : 'needs server: openssl'

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { cwd: directory, encoding: 'utf8' })
  assert.equal(status, 0, stderr)
}

type Identity = { readonly cert: Buffer; readonly key: Buffer }

function authority(name: string): { ca: Buffer; sign: (who: string) => Identity } {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj']
  openssl('req', '-x509', ...key, `/CN=${name}`, '-days', '2', '-keyout', `${name}.key`, '-out', `${name}.crt`)
  return {
    ca: readFileSync(join(directory, `${name}.crt`)),
    sign: (who) => {
      const file = `${name}-${who}`
      writeFileSync(join(directory, `${file}.ext`), `subjectAltName=DNS:${who}`)
      openssl('req', ...key, `/CN=${who}`, '-keyout', `${file}.key`, '-out', `${file}.csr`)
      openssl(
        ...['x509', '-req', '-in', `${file}.csr`, '-CA', `${name}.crt`, '-CAkey', `${name}.key`, '-CAcreateserial'],
        ...['-days', '2', '-extfile', `${file}.ext`, '-out', `${file}.crt`],
      )
      return { cert: readFileSync(join(directory, `${file}.crt`)), key: readFileSync(join(directory, `${file}.key`)) }
    },
  }
}

async function refused(peer: Peer): Promise<void> {
  const error = await echo(peer, 1, 5_000).catch((failure: unknown) => failure)
  assert.ok(error instanceof CallError && error.code === 'UNAVAILABLE', String(error))
  await peer.stop()
}

test('TLS: calls are encrypted, and only for who the caller trusts', { skip, timeout: 30_000 }, async () => {
  const ours = authority('ours')
  const theirs = authority('theirs')
  const listener = await listen({ tls: ours.sign('orders') })
  const peer = connect(listener.address, { tls: { ca: ours.ca, servername: 'orders' } })
  const value = { text: 'x'.repeat(200_000), at: new Date(5) }
  assert.deepEqual(await echo(peer, value), value)
  assert.deepEqual(await Promise.all(Array.from({ length: 200 }, (_, n) => echo(peer, n))), [...Array(200).keys()])
  await peer.stop()

  await refused(connect(listener.address, { tls: { ca: theirs.ca, servername: 'orders' } }))
  await refused(connect(listener.address, { tls: { ca: ours.ca, servername: 'payments' } }))
  // Who speaks without encryption is not understood, and nobody else is troubled.
  await refused(connect(listener.address))
  const { port } = listener.address as { port: number }
  const stranger = connectPlain(port, '127.0.0.1')
  stranger.on('error', () => {})
  stranger.write('not a handshake at all, and rather long for one')
  await until(() => stranger.destroyed)
  const again = connect(listener.address, { tls: { ca: ours.ca, servername: 'orders' } })
  assert.equal(await echo(again, 'still here'), 'still here')
  await again.stop()
  await listener.stop()
})

test('mutual TLS: callers without a certificate, or with a stranger’s, are turned away', { skip, timeout: 30_000 }, async () => {
  const ours = authority('mutual')
  const theirs = authority('strangers')
  const listener = await listen({ tls: { ...ours.sign('orders'), ca: ours.ca } })
  const trusting = { ca: ours.ca, servername: 'orders' }
  const known = connect(listener.address, { tls: { ...trusting, ...ours.sign('web') } })
  assert.equal(await echo(known, 'hello'), 'hello')
  await refused(connect(listener.address, { tls: trusting }))
  await refused(connect(listener.address, { tls: { ...trusting, ...theirs.sign('web') } }))
  assert.equal(await echo(known, 'again'), 'again')
  await known.stop()
  await listener.stop()
})

test(
  'channels over TLS: values and their credit both ways, a failure, and both ways to stop',
  { skip, timeout: 30_000 },
  async () => {
    const ours = authority('channels')
    const listener = await listen({ tls: ours.sign('orders'), limits: { window: 4 } })
    const peer = connect(listener.address, { tls: { ca: ours.ca, servername: 'orders' }, limits: { window: 4 } })
    const talk = (sent: AsyncIterable<unknown>): AsyncIterable<unknown> =>
      peer.route({ service: 'rig', operation: 'talk' }).stream(undefined, contextFor(), sent)
    const large = 'x'.repeat(100_000)
    const values: readonly unknown[] = Array.from({ length: 50 }, (_, n) => ({ n, large }))
    const back: unknown[] = []
    for await (const value of talk(source(values))) back.push(value)
    assert.deepEqual(back, values)

    const failing = talk(source(values.slice(0, 3), new Error('the source broke')))
    await assert.rejects(async () => {
      for await (const value of failing) back.push(value)
    })
    assert.equal(back.length, 53)

    let read = 0
    let letGo = false
    const endless = async function* () {
      try {
        for (;;) yield read++
      } finally {
        letGo = true
      }
    }
    for await (const value of talk(endless())) if (value === 10) break
    await until(() => letGo)
    assert.ok(read <= 11 + 4 + 4 + 4, `${read} were read`)
    await until(() => peer.pending() === 0 && listener.status().calls === 0)
    await peer.stop()
    await listener.stop()
  },
)

async function* source(values: readonly unknown[], failure?: Error): AsyncGenerator<unknown> {
  yield* values
  if (failure !== undefined) throw failure
}

test('who is not known is not believed on whose behalf it calls', { skip, timeout: 30_000 }, async () => {
  const ours = authority('believed')
  const claimed = { subject: 'orders', kind: 'service', scopes: [], roles: [] } as const
  const heard = async (options: Partial<ListenSocketOptions>, tls?: ClientTls): Promise<unknown> => {
    const principals: unknown[] = []
    const call = async (_input: unknown, { principal }: CallContext): Promise<void> => void principals.push(principal)
    const stream = (): never => assert.fail('nobody asks for a stream')
    const listener = await listen({ transport: { route: () => ({ call, stream }) }, ...options })
    const peer = connect(listener.address, { tls })
    await peer.route({ service: 'rig', operation: 'who' }).call(undefined, { ...contextFor(), principal: claimed })
    await peer.stop()
    await listener.stop()
    return principals[0]
  }
  const trusting = { ca: ours.ca, servername: 'orders' }
  assert.equal(await heard({}), undefined)
  assert.equal(await heard({ tls: ours.sign('orders') }, trusting), undefined)
  assert.deepEqual(await heard({ trusted: true }), claimed)
  assert.deepEqual(await heard({ tls: { ...ours.sign('orders'), ca: ours.ca } }, { ...trusting, ...ours.sign('web') }), claimed)
  assert.deepEqual(await heard({ address: { kind: 'unix', path: join(directory, 'calls') } }), claimed)
  assert.equal(await heard({ address: { kind: 'unix', path: join(directory, 'calls') }, trusted: false }), undefined)
})

test('TLS: connections that never end their handshake keep nobody out', { skip, timeout: 60_000 }, async () => {
  const ours = authority('patient')
  const listener = await listen({ tls: ours.sign('orders'), limits: { strangers: 10, connections: 10 } })
  const { port } = listener.address as { port: number }
  const silent = Array.from({ length: 100 }, () => connectPlain(port, '127.0.0.1').on('error', () => {}))
  for (const socket of silent.slice(50)) socket.write(Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]))
  await until(() => silent.filter(({ destroyed }) => destroyed).length >= 90)
  const peer = connect(listener.address, { tls: { ca: ours.ca, servername: 'orders' } })
  assert.equal(await echo(peer, 'here'), 'here')
  // Those who made it are no strangers any more, however many come after them.
  const more = Array.from({ length: 30 }, () => connectPlain(port, '127.0.0.1').on('error', () => {}))
  await until(() => more.filter(({ destroyed }) => destroyed).length >= 20)
  assert.equal(await echo(peer, 'still here'), 'still here')
  assert.equal(peer.state(), 'up')
  for (const socket of [...silent, ...more]) socket.destroy()
  await peer.stop()
  await listener.stop()
})
