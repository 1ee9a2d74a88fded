import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { seededRandom } from '../../runtime/runtime.ts'
import type { ConfigContent, ReleaseState } from '../release.ts'
import { releaseFile } from './releases.ts'

const KEY = new Uint8Array(32).fill(7)
const contentOf = (mark: string, values: Readonly<Record<string, string | number>>): ConfigContent => {
  const entries = Object.entries(values).map(([key, value]) => [key, { value, from: 'app.yml' }] as const)
  return {
    mark,
    snapshots: new Map([
      ['files', { revision: undefined, layers: [{ name: 'app', relaxed: undefined, values: new Map(entries) }] }],
    ]),
  }
}
const stateOf = (content: ConfigContent): ReleaseState => ({
  ...{ turn: 3, leader: 'p1' },
  releases: [
    { number: 1, since: 5, of: 'start', outcome: 'released', keys: [], mark: 'old' },
    { number: 2, since: 6, of: 'change', outcome: 'rolled back', why: ['x'], keys: ['pay.a'], mark: content.mark, content },
  ],
})

test('releases are read as they were kept; secrets are encrypted, or else taken from what the sources have now', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-releases-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const file = releaseFile(directory, 'p1', seededRandom(1))
  const content = contentOf('m2', { 'pay.a': 1, 'pay.apiKey': 'hunter2-hunter2' })
  const now = contentOf('m3', { 'pay.a': 9, 'pay.apiKey': 'of today' })
  const secrets = (): ReadonlySet<string> => new Set(['pay.apiKey'])
  const path = join(directory, 'config', 'releases.json')
  assert.equal(file.load([KEY], now), undefined)
  for (const [keys, apiKey] of [
    [[KEY], 'hunter2-hunter2'],
    [[], 'of today'],
  ] as const) {
    file.save(stateOf(content), { secrets, keys })
    assert.ok(!readFileSync(path, 'utf8').includes('hunter2'))
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.deepEqual(file.load(keys, now), stateOf(contentOf('m2', { 'pay.a': 1, 'pay.apiKey': apiKey })))
  }
  // What cannot be read is as if nothing were known.
  for (const text of ['', '{"dure":1', '{"dure":2}', '{"dure":1}', 'null']) {
    writeFileSync(path, text)
    assert.equal(file.load([KEY], now), undefined)
  }
  rmSync(path)
  mkdirSync(path)
  assert.throws(() => file.save(stateOf(content), { secrets, keys: [] }), /EISDIR|directory/i)
})
