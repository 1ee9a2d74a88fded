import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { networkOf, networkWords, parseListen } from './network.ts'
import type { Shell } from './shell.ts'

const shell = (cwd: string, env: Readonly<Record<string, string>> = {}): Shell => ({ cwd, process: { env } }) as unknown as Shell

test('an address to listen on is a host, and a port if it is to be the same each time', () => {
  assert.deepEqual(parseListen('10.0.0.2'), { host: '10.0.0.2', port: 0 })
  assert.deepEqual(parseListen('stock.example:7001'), { host: 'stock.example', port: 7001 })
  assert.deepEqual(parseListen('[fd00::2]:7001'), { host: 'fd00::2', port: 7001 })
  for (const wrong of ['', ':7001', '10.0.0.2:', '10.0.0.2:70001', 'fd00::2', 'a b'])
    assert.throws(() => parseListen(wrong), /is not HOST or HOST:PORT/, wrong)
})

test('certificates are read from a folder, and what is missing in it is said', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dure-tls-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const listen = parseListen('10.0.0.2')
  assert.throws(
    () => networkOf(shell(folder), { listen, tls: '.' }),
    /Cannot read certificates: .*tls\.crt.*; put tls\.crt, tls\.key and ca\.crt/,
  )
  for (const name of ['tls.crt', 'tls.key', 'ca.crt']) writeFileSync(join(folder, name), name)
  const tls = { cert: Buffer.from('tls.crt'), key: Buffer.from('tls.key'), ca: Buffer.from('ca.crt') }
  assert.deepEqual(networkOf(shell(folder), { listen, tls: '.' }), { host: '10.0.0.2', port: 0, tls })
  assert.deepEqual(networkOf(shell('/', { DURE_TLS: folder }), { listen }), { host: '10.0.0.2', port: 0, tls })
  // Whoever only calls shows its own as well, but is not called.
  assert.deepEqual(networkOf(shell(folder), { tls: folder }), { tls })
  assert.equal(networkOf(shell('/'), {}), undefined)
  // Told nothing, whoever listens has certificates of the system's own authority.
  for (const flags of [{ listen }, { listen, tls: 'own' }, { tls: 'own' }])
    assert.equal(typeof networkOf(shell('/'), flags)?.tls, 'function')
  assert.deepEqual(networkOf(shell('/'), { listen, insecure: true }), { host: '10.0.0.2', port: 0, insecure: true })
  assert.throws(() => networkOf(shell('/'), { insecure: true }), /Cannot use --insecure without --listen/)
  assert.throws(() => networkOf(shell('/'), { advertise: 'a' }), /Cannot use --advertise without --listen/)
})

test('each process of a split system is told the same, with a port of its own', () => {
  const flags = { listen: { host: 'fd00::2', port: 0 }, advertise: 'stock', tls: 'tls', insecure: true }
  assert.deepEqual(networkWords(flags, '/srv'), [
    ...['--listen', '[fd00::2]', '--advertise', 'stock', '--tls', '/srv/tls', '--insecure'],
  ])
  assert.deepEqual(networkWords({ tls: 'own' }, '/srv'), ['--tls', 'own'])
  assert.deepEqual(networkWords({}, '/srv'), [])
})
