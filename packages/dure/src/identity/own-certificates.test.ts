import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { virtualRuntime } from '../runtime/runtime.ts'
import { silentLogger, type Logger } from '../telemetry/telemetry.ts'
import { ownCertificates } from './identity.ts'
import { openAuthority, rotateRoot } from './internal.ts'

const HOUR = 3_600_000

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dure-own-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

test('a certificate is replaced at about half of its life, with another key', async (t) => {
  const directory = temporary(t)
  const runtime = virtualRuntime({ start: Date.now() })
  const made = await ownCertificates()({
    system: 'shop',
    names: ['orders', 'doors'],
    world: { directory, runtime, log: silentLogger() },
  })
  let told = 0
  const following = made.changed(() => told++)
  const first = made.current()
  assert.equal(new X509Certificate(first.cert).subjectAltName, 'URI:spiffe://shop/orders, URI:spiffe://shop/doors')
  await runtime.advance(10 * HOUR)
  assert.equal(told, 0)
  await runtime.advance(2 * HOUR)
  assert.equal(told, 1)
  assert.notEqual(made.current().key, first.key)
  assert.ok(Date.parse(new X509Certificate(made.current().cert).validTo) > runtime.clock.now() + 23 * HOUR)
  await runtime.advance(240 * HOUR)
  assert.ok(told >= 20 && told <= 23, `${told}`)
  // What it runs may change, and what it was may be kept.
  await made.certify(['stock'])
  assert.equal(new X509Certificate(made.current().cert).subjectAltName, 'URI:spiffe://shop/stock')
  await made.certify([])
  assert.equal(new X509Certificate(made.current().cert).subjectAltName, 'URI:spiffe://shop/stock')
  following.stop()
  made.stop()
  const before = made.current()
  await runtime.advance(100 * HOUR)
  assert.equal(made.current(), before)
})

test('a root that is replaced is noticed within a minute', async (t) => {
  const directory = temporary(t)
  const runtime = virtualRuntime({ start: Date.now() })
  const world = { directory, runtime, log: silentLogger() }
  const made = await ownCertificates()({ system: 'shop', names: ['orders'], world })
  const first = made.current()
  await runtime.advance(HOUR)
  assert.equal(made.current(), first)
  const { clock } = runtime
  const after = rotateRoot(openAuthority({ directory, system: 'shop', clock }), { clock, keep: 48 * HOUR })
  await runtime.advance(60_000)
  const second = made.current()
  assert.ok(new X509Certificate(second.cert).verify(after.issuer.publicKey))
  assert.equal(second.ca, after.roots)
  await runtime.advance(HOUR)
  assert.equal(made.current(), second)
  made.stop()
})

test('an authority that cannot be read ends nothing: the certificate is used on, and it is tried again', async (t) => {
  const directory = temporary(t)
  const runtime = virtualRuntime({ start: Date.now() })
  const warned: string[] = []
  const log: Logger = { ...silentLogger(), warn: (words) => void warned.push(words) }
  const made = await ownCertificates({ life: HOUR })({ system: 'shop', names: ['orders'], world: { directory, runtime, log } })
  const first = made.current()
  const key = join(directory, 'authority', 'issuer.key')
  const kept = readFileSync(key, 'utf8')
  writeFileSync(key, 'broken')
  await runtime.advance(40 * 60_000)
  assert.equal(made.current(), first)
  assert.match(warned[0]!, /^Cannot make a new certificate; the one before is used until it ends/)
  writeFileSync(key, kept)
  await runtime.advance(2 * 60_000)
  assert.notEqual(made.current(), first)
  made.stop()
})

test('a life that makes no sense is refused', () => {
  assert.throws(() => ownCertificates({ life: 0 }), /"?life"?/)
})
