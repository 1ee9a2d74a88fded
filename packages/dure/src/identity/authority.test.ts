import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { findAuthority, joinAuthority, keyText, newKeys, openAuthority, requestOf, rotateRoot, signRequest } from './internal.ts'
import { certificateOf } from './certificate.ts'
import { der, integer, oid, parts, read, time } from './der.ts'
import { readRequest } from './request.ts'

const DAY = 86_400_000
const clock = { now: Date.now }
const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const skip = hasOpenssl ? false : 'needs server: openssl'

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dure-authority-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

const open = (directory: string, system = 'shop') => openAuthority({ directory, system, clock })

test('an authority is made once, for this user alone, and found again', (t) => {
  const directory = join(temporary(t), 'data', 'of', 'shop')
  const first = open(directory)
  assert.equal(open(directory).issuer.fingerprint256, first.issuer.fingerprint256)
  assert.equal(statSync(first.folder).mode & 0o777, 0o700)
  for (const name of ['ca.crt', 'issuer.crt', 'issuer.key'])
    assert.equal(statSync(join(first.folder, name)).mode & 0o777, 0o600, name)
  assert.deepEqual(readdirSync(directory), ['authority'])
  assert.equal(first.issuer.subjectAltName, 'URI:spiffe://shop')
})

test('of processes that start at once one makes it', { timeout: 120_000 }, async (t) => {
  const directory = temporary(t)
  const program = join(import.meta.dirname, 'authority.child.test-support.ts')
  const children = Array.from({ length: 4 }, () => spawn(process.execPath, ['--conditions=dure-source', program, directory]))
  const lines = children.map(({ stdout }) => createInterface({ input: stdout })[Symbol.asyncIterator]())
  for (const line of lines) assert.equal((await line.next()).value, 'ready')
  for (const { stdin } of children) stdin.write('go\n')
  const made = await Promise.all(lines.map(async (line) => (await line.next()).value))
  assert.equal(new Set(made).size, 1)
  assert.deepEqual(readdirSync(directory), ['authority'])
  assert.equal(open(directory).issuer.fingerprint256, made[0])
})

test('a folder that is not whole, not readable, of somebody else or of another system is refused, and says what to do', (t) => {
  const refused = (break_: (folder: string) => void, words: RegExp, system = 'shop'): void => {
    const directory = temporary(t)
    const { folder } = open(directory)
    break_(folder)
    assert.throws(() => open(directory, system), words)
  }
  refused(
    (folder) => rmSync(join(folder, 'issuer.key')),
    /"issuer\.key" is missing; put it back from a copy, or remove the folder/,
  )
  refused((folder) => writeFileSync(join(folder, 'issuer.crt'), '-----BEGIN CERT'), /no certificates and key in PEM/)
  refused((folder) => writeFileSync(join(folder, 'issuer.key'), 'half of a secr'), /no certificates and key in PEM/)
  refused((folder) => writeFileSync(join(folder, 'ca.crt'), ''), /no certificates and key in PEM/)
  refused(
    (folder) => writeFileSync(join(folder, 'issuer.key'), keyText(newKeys().privateKey)),
    /"issuer\.key" is not the key of "issuer\.crt"/,
  )
  refused((folder) => chmodSync(join(folder, 'issuer.key'), 0o644), /other users may read "issuer\.key"; say `chmod 600`/)
  refused(() => {}, /it is of the system "shop", not of "mart"/, 'mart')
  // Root reads everything.
  if (process.getuid?.() !== 0) refused((folder) => chmodSync(join(folder, 'issuer.key'), 0), /"issuer\.key" cannot be read/)
  refused((folder) => {
    rmSync(folder, { recursive: true })
    mkdirSync(folder)
    writeFileSync(join(folder, 'ca.crt'), 'x')
  }, /"issuer\.crt" is missing/)
  const gone = temporary(t)
  openAuthority({ directory: gone, system: 'shop', clock: { now: () => Date.now() - 3_700 * DAY } })
  assert.throws(() => open(gone), /it has ended on /)
  assert.throws(() => open(temporary(t), 'My Shop'), /Cannot name the processes of system "My Shop" in certificates/)
})

test('another host is signed for, and issues for what it was signed for', (t) => {
  const authority = open(temporary(t))
  const host = temporary(t)
  const keys = newKeys()
  const sign = (services: readonly string[]): string =>
    signRequest(authority, { clock, request: requestOf('host-b', keys), services, life: 30 * DAY })
  const key = keyText(keys.privateKey)
  const where = { directory: host, clock }
  assert.throws(() => joinAuthority(where, { signed: sign([]), key: keyText(newKeys().privateKey) }), /is not the key of/)
  assert.equal(findAuthority(where), undefined)
  joinAuthority(where, { signed: sign(['stock']), key })
  const joined = findAuthority(where)!
  assert.deepEqual([joined.isRoot, joined.services], [false, ['stock']])
  const { publicKey } = newKeys()
  const own = new X509Certificate(joined.issue({ names: ['stock'], publicKey, life: 365 * DAY }))
  assert.equal(own.subjectAltName, 'URI:spiffe://shop/stock')
  // No longer than who signed it.
  assert.equal(own.validTo, joined.issuer.validTo)
  assert.throws(() => joined.issue({ names: ['orders'], publicKey, life: DAY }), /signed for "stock", and not for "orders"/)
  assert.throws(() => joinAuthority({ directory: join(authority.folder, '..'), clock }, { signed: sign([]), key }), /one already/)
  const others = signRequest(open(temporary(t), 'mart'), { clock, request: requestOf('b', keys), services: [], life: DAY })
  assert.throws(() => joinAuthority(where, { signed: others, key }), /it is of the system "mart", not of "shop"/)
  assert.throws(
    () => joinAuthority(where, { signed: sign([]).slice(0, -1_000), key }),
    /no certificates and key in PEM|by nobody/,
  )
  assert.equal(findAuthority(where)!.issuer.fingerprint256, joined.issuer.fingerprint256)
  assert.deepEqual(joinAuthority(where, { signed: sign(['stock', 'mail']), key }).services, ['stock', 'mail'])
  assert.throws(
    () => signRequest(joined, { clock, request: requestOf('host-c', keys), services: [], life: DAY }),
    /sign where the first one is/,
  )
})

test('a request that is none, was changed, or is of another kind of key is not signed', { skip }, () => {
  const keys = newKeys()
  const request = requestOf('서버 b', keys)
  assert.equal(readRequest(request).subject, '서버 b')
  assert.ok(readRequest(request).publicKey.equals(keys.publicKey))
  for (const text of [
    '',
    'x',
    keyText(keys.privateKey),
    '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----',
  ])
    assert.throws(() => readRequest(text), /Cannot read the request to be signed: .*; make one with "dure ca request"/)
  const [head, ...lines] = request.split('\n')
  const bytes = Buffer.from(lines.slice(0, -2).join(''), 'base64')
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at] = changed[at]! ^ 0x11
    assert.throws(
      () => readRequest(`${head}\n${changed.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`),
      TypeError,
      `byte ${at}`,
    )
  }
  const { stdout } = spawnSync(
    'openssl',
    ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', '/dev/null', '-subj', '/CN=rsa'],
    {
      encoding: 'utf8',
    },
  )
  assert.throws(() => readRequest(stdout), /not signed by a key of P-256/)
  const theirs = spawnSync(
    'openssl',
    [
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      '/dev/null',
      '-subj',
      '/O=x/CN=theirs',
    ],
    { encoding: 'utf8' },
  )
  assert.equal(readRequest(theirs.stdout).subject, 'theirs')
})

test('numbers, lengths and times are written as DER has them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70_000 }), fc.uint8Array({ maxLength: 300 }), (one, two) => {
      const whole = der(0x30, der(0x04, one), der(0x04, two))
      const [first, second] = parts(read(whole))
      assert.ok(first!.body.equals(one) && second!.body.equals(two))
      assert.throws(() => parts(read(whole.subarray(0, -1))), RangeError)
    }),
    { numRuns: 50 },
  )
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 160n }), (number) => {
      const hex = number.toString(16)
      const { body } = read(integer(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')))
      assert.equal(BigInt(`0x${body.toString('hex')}`), number)
      assert.ok(body[0]! < 0x80 && !(body.length > 1 && body[0] === 0 && body[1]! < 0x80))
    }),
  )
  assert.equal(oid('1.2.840.10045.4.3.2').toString('hex'), '06082a8648ce3d040302')
  assert.equal(time(Date.parse('2049-12-31T23:59:59.900Z')).toString('latin1'), '\x17\r491231235959Z')
  assert.equal(time(Date.parse('2050-01-01T00:00:00Z')).toString('latin1'), '\x18\x0f20500101000000Z')
})

test('certificates say what they were made of', () => {
  const { publicKey, privateKey } = newKeys()
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-z][a-z0-9]{0,20}$/), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 0, max: 100 * 365 * 86_400 }),
      (services, seconds) => {
        const from = Date.parse('2026-01-01T00:00:00Z')
        const uris = services.map((name) => `spiffe://shop/${name}`)
        const fields = {
          subject: services.join('+'),
          publicKey,
          from,
          until: from + seconds * 1_000,
          uris,
          authorities: undefined,
        }
        const made = new X509Certificate(certificateOf(fields, { subject: 'authority', key: privateKey }))
        assert.equal(made.subjectAltName, uris.map((uri) => `URI:${uri}`).join(', '))
        assert.equal(Date.parse(made.validTo), fields.until)
        assert.ok(made.verify(publicKey) && made.publicKey.equals(publicKey) && !made.ca)
      },
    ),
    { numRuns: 30 },
  )
})

test('openssl takes the chains, and what others signed not', { skip }, (t) => {
  const directory = temporary(t)
  const authority = open(directory)
  const keys = newKeys()
  const host = temporary(t)
  const signed = signRequest(authority, { clock, request: requestOf('host-b', keys), services: [], life: DAY })
  joinAuthority({ directory: host, clock }, { signed, key: keyText(keys.privateKey) })
  const verified = (chain: string, roots: string): number | null => {
    writeFileSync(join(directory, 'chain.pem'), chain)
    writeFileSync(join(directory, 'roots.pem'), roots)
    const { status } = spawnSync(
      'openssl',
      ['verify', '-x509_strict', '-CAfile', 'roots.pem', '-untrusted', 'chain.pem', 'chain.pem'],
      {
        cwd: directory,
      },
    )
    return status
  }
  const leaf = { names: ['orders', 'doors'], publicKey: newKeys().publicKey, life: DAY }
  assert.equal(verified(authority.issue(leaf), authority.roots), 0)
  assert.equal(verified(open(host).issue(leaf), authority.roots), 0)
  assert.notEqual(verified(authority.issue(leaf), open(temporary(t)).roots), 0)
  const key = readFileSync(join(authority.folder, 'issuer.key'), 'utf8')
  assert.ok(!authority.issue(leaf).includes(key.split('\n')[1]!))
})

test(
  'certificates of a root and of the one that follows it are taken by whoever trusts one of them, until the first ends',
  { skip },
  (t) => {
    const directory = temporary(t)
    const before = open(directory)
    const leaf = { names: ['orders'], publicKey: newKeys().publicKey, life: DAY }
    const joined = (host: string, authority: typeof before) => {
      const keys = newKeys()
      const signed = signRequest(authority, { clock, request: requestOf('host-b', keys), services: ['orders'], life: 30 * DAY })
      return joinAuthority({ directory: host, clock }, { signed, key: keyText(keys.privateKey) })
    }
    const host = temporary(t)
    const hostBefore = joined(host, before)
    const after = rotateRoot(before, { clock, keep: 2 * DAY })
    assert.equal(open(directory).issuer.fingerprint256, after.issuer.fingerprint256)
    assert.deepEqual(readdirSync(after.folder), ['2'])
    const hostAfter = joined(host, after)
    assert.deepEqual(hostAfter.services, ['orders'])
    const taken = (chain: string, roots: string, days = 0): boolean => {
      writeFileSync(join(directory, 'chain.pem'), chain)
      writeFileSync(join(directory, 'roots.pem'), roots)
      const at = String(Math.floor(Date.now() / 1_000) + days * 86_400)
      const words = ['-x509_strict', '-attime', at, '-CAfile', 'roots.pem', '-untrusted', 'chain.pem', 'chain.pem']
      return spawnSync('openssl', ['verify', ...words], { cwd: directory }).status === 0
    }
    for (const [name, signer] of Object.entries({ before, after, hostBefore, hostAfter })) {
      const chain = signer.issue(leaf)
      for (const [whose, { roots }] of Object.entries({ before, after })) assert.ok(taken(chain, roots), `${name} by ${whose}`)
    }
    const late = { ...leaf, life: 20 * DAY }
    for (const [signer, still] of [
      [before, false],
      [hostBefore, false],
      [after, true],
      [hostAfter, true],
    ] as const)
      assert.equal(taken(signer.issue(late), after.roots, 3), still)
    const then = findAuthority({ directory, clock: { now: () => Date.now() + 3 * DAY } })!
    assert.equal(then.roots, after.issuer.toString())
    assert.equal(then.between, '')
    assert.throws(() => rotateRoot(after, { clock, keep: DAY }), /the root before this one is trusted until /)
    assert.throws(() => rotateRoot(hostAfter, { clock, keep: DAY }), /rotate where the first one is/)
    const third = rotateRoot(then, { clock: { now: () => Date.now() + 3 * DAY }, keep: DAY })
    assert.deepEqual(readdirSync(third.folder), ['3'])
  },
)
