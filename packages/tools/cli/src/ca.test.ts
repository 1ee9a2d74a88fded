import assert from 'node:assert/strict'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openAuthority } from 'dure/identity/internal'
import { dure, startHere, temporary } from './shell.test-support.ts'

/** A host with a data directory; `first`: with the authority that a start has made. */
function host(first = false) {
  const data = temporary()
  if (first) openAuthority({ directory: data, system: 'shop', clock: { now: Date.now } })
  return { data, ca: (args: readonly string[], stdin = '') => dure(['ca', ...args, '--data', data], { stdin }) }
}

test('a host asks, the first one signs, and the host has an authority of its own', async () => {
  const [a, b] = [host(true), host()]
  assert.match(
    (await a.ca([])).out,
    /^System +shop\n[^]*Signs for +all services, and for other hosts\n[^]*Fingerprint +([0-9A-F]{2}:){31}/,
  )
  const request = await b.ca(['request', '--name', 'host-b'])
  assert.equal(request.code, 0)
  assert.equal(statSync(join(b.data, 'authority-request.key')).mode & 0o777, 0o600)
  const file = join(a.data, 'host-b.csr')
  writeFileSync(file, request.out)
  const signed = await a.ca(['sign', file, '--service', 'stock', '--days', '30'])
  assert.deepEqual([signed.code, signed.err], [0, ''])
  assert.match((await b.ca(['join'], signed.out)).err, /This host signs for stock of "shop"/)
  assert.ok(!existsSync(join(b.data, 'authority-request.key')))
  const { system, isRoot, services, until } = JSON.parse((await b.ca(['show', '--json'])).out) as Record<string, string>
  assert.deepEqual({ system, isRoot, services }, { system: 'shop', isRoot: false, services: ['stock'] })
  assert.ok(Math.abs(Date.parse(until!) - Date.now() - 30 * 86_400_000) < 3_600_000)
  for (const [from, args, said] of [
    [a, ['request'], /there is one in/],
    [b, ['join'], /nothing was asked for/],
    [b, ['sign', file], /sign where the first one is/],
  ] as const) {
    const { code, err } = await from.ca(args)
    assert.deepEqual([code, said.test(err)], [1, true], err)
  }
})

test('a root is replaced, both are told until when they are trusted, and the other host asks again', async () => {
  const [a, b] = [host(true), host()]
  type Told = {
    readonly fingerprint: string
    readonly trusted: readonly { readonly fingerprint: string; readonly until: string }[]
  }
  const shown = async (of: typeof a) => JSON.parse((await of.ca(['show', '--json'])).out) as Told
  const joins = async () => b.ca(['join'], (await a.ca(['sign'], (await b.ca(['request'])).out)).out)
  await joins()
  const before = await shown(a)
  assert.deepEqual(
    before.trusted.map(({ fingerprint }) => fingerprint),
    [before.fingerprint],
  )
  assert.match(
    (await a.ca(['rotate', '--days', '3'])).out,
    /A new root signs for "shop": [^]* The one before is trusted until |before that/,
  )
  const after = await shown(a)
  const [fresh, ending] = after.trusted
  assert.deepEqual([after.trusted.length, fresh!.fingerprint], [2, after.fingerprint])
  assert.ok(Math.abs(Date.parse(ending!.until) - Date.now() - 3 * 86_400_000) < 3_600_000)
  assert.notEqual(after.fingerprint, before.fingerprint)
  assert.match((await a.ca([])).out, new RegExp(`Trusted +${fresh!.fingerprint} until .*\nTrusted +${ending!.fingerprint} until`))
  for (const [from, said] of [
    [a, /the root before this one is trusted until/],
    [b, /signed by that of another host; rotate where the first one is/],
  ] as const) {
    const { code, err } = await from.ca(['rotate'])
    assert.deepEqual([code, said.test(err)], [1, true], err)
  }
  assert.equal((await joins()).code, 0)
  assert.deepEqual((await shown(b)).trusted, after.trusted)
})

test('what cannot be signed or taken is refused, and says why', async () => {
  const [a, b] = [host(true), host()]
  for (const [from, args, stdin, said] of [
    [b, ['show'], '', /made when the system first starts with --listen/],
    [a, ['sign'], 'nothing', /Cannot read the request to be signed: it has no CERTIFICATE REQUEST in PEM/],
    [a, ['sign', 'none.csr'], '', /Cannot read "none\.csr"/],
  ] as const) {
    const { code, err } = await from.ca(args, stdin)
    assert.deepEqual([code, said.test(err)], [1, true], err)
  }
  const { out: request } = await host().ca(['request'])
  await b.ca(['request'])
  const { out: signed } = await a.ca(['sign'], request)
  assert.match((await b.ca(['join'], signed)).err, /"issuer\.key" is not the key of "issuer\.crt"/)
  assert.match((await b.ca(['join'], 'nothing')).err, /no certificates and key in PEM/)
})

test('a part that listens makes the authority of its data directory', async (t) => {
  const data = temporary()
  const running = await startHere('trail.system.test-support.ts', 'broker', 'books', '--listen', '127.0.0.1', '--data', data)
  t.after(() => running.stop())
  assert.match((await dure(['ca', '--data', data])).out, /^System +library\n/)
})
