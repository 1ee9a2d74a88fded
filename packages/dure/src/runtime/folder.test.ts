import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeFolder } from './runtime.ts'

test('makes what is missing, and says at once what cannot be made', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'dure-folder-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  makeFolder(join(root, 'a', 'b', 'c'))
  makeFolder(join(root, 'a', 'b', 'c'))
  assert.ok(existsSync(join(root, 'a', 'b', 'c')))
  writeFileSync(join(root, 'file'), '')
  assert.throws(() => makeFolder(join(root, 'file', 'b')), { code: 'ENOTDIR' })
  if (existsSync('/proc/self')) assert.throws(() => makeFolder('/proc/dure/data'), { code: 'ENOENT' })
})
