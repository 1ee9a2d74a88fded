import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { contract, query } from 'dure/contract'
import { database } from 'dure/data'
import { service, system } from 'dure/service'
import { z } from 'zod'
import { temporary } from './project.test-support.ts'
import { describeRelease, readRelease, writeRelease } from './release.ts'

const Notes = contract('notes', { version: '1.2.0', owner: 'team-notes', operations: { count: query({ output: z.int() }) } })
const notes = service(Notes, {
  database: database<{ notes: { id: string } }>({ migrations: { '001': 'CREATE TABLE notes (id TEXT)' } }),
  config: z.object({ limit: z.int().min(1) }),
  handlers: { count: () => 1 },
})
const image = { digest: `sha256:${'a'.repeat(64)}` }

test('a release says its image, what services promise, their migrations and settings', () => {
  const release = describeRelease(system('desk', { services: [notes] }), { version: '1.2.0', image })
  assert.deepEqual([release.system, release.version, release.image], ['desk', '1.2.0', image])
  assert.equal(release.services[0]!.contract.version, '1.2.0')
  assert.deepEqual(release.services[0]!.migrations, { '001': { step: 'CREATE TABLE notes (id TEXT)', contracts: false } })
  assert.deepEqual(release.configuration['notes']!['required'], ['limit'])
  assert.throws(() => describeRelease(system('desk', { services: [notes] }), { version: '1', image: { digest: 'latest' } }), {
    code: 'RELEASE',
  })
})

test('it is read as it was written, whatever the order of its keys, and a change of anything is told', (t) => {
  const folder = temporary(t)
  const file = join(folder, 'release.json')
  const release = describeRelease(system('desk', { services: [notes] }), { version: '1.2.0', image })
  writeRelease(file, release)
  assert.deepEqual(readRelease(file), release)
  writeRelease(file, release)
  const turned = Object.fromEntries(Object.entries(release).toReversed())
  writeFileSync(file, JSON.stringify(turned))
  assert.deepEqual(readRelease(file), release)
  assert.throws(() => writeRelease(file, describeRelease(system('desk', { services: [notes] }), { version: '1.3.0', image })), {
    code: 'RELEASE',
    message: /another one is there, and a release does not change/,
  })
  for (const [from, to] of [
    ['aaaa', 'aaab'],
    ['CREATE TABLE notes', 'CREATE TABLE other'],
    ['"minimum":1', '"minimum":2'],
    ['team-notes', 'team-other'],
  ] as const) {
    const text = JSON.stringify(release).replace(from, to)
    assert.notEqual(text, JSON.stringify(release), from)
    writeFileSync(file, text)
    assert.throws(() => readRelease(file), { code: 'RELEASE', message: /it says sha256:.* and its content is sha256:/ })
  }
  for (const text of ['', 'null', '{}', '[]', '{"dure":2}', readFileSync(import.meta.filename, 'utf8')]) {
    writeFileSync(file, text)
    assert.throws(() => readRelease(file), { code: 'RELEASE', message: /Cannot read the release/ })
  }
  assert.throws(() => readRelease(join(folder, 'none')), { code: 'RELEASE', message: /no such file/ })
})
