import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeFolder } from './folder.ts'

test('a folder takes away what a killed process left behind, and nothing else', (t) => {
  const parent = mkdtempSync(join(tmpdir(), 'dure-folder-'))
  t.after(() => rmSync(parent, { recursive: true, force: true }))
  // The number of a process that has ended.
  const { pid } = spawnSync(process.execPath, ['--version'])
  const left = join(parent, `dure-simulation-${pid}-abc`)
  mkdirSync(left)
  writeFileSync(join(left, 'stock.db'), 'left')
  mkdirSync(join(parent, 'dure-simulation-of-mine'))
  const first = makeFolder(parent)
  const second = makeFolder(parent)
  const names = [first, second].map(({ path }) => path.slice(parent.length + 1))
  assert.deepEqual(readdirSync(parent).toSorted(), [...names, 'dure-simulation-of-mine'].toSorted())
})

test('it is emptied and filled again', (t) => {
  const folder = makeFolder()
  t.after(folder.remove)
  writeFileSync(join(folder.path, 'old.db'), 'old')
  folder.reset(new Map([['stock.db', new Uint8Array([1, 2])]]))
  assert.deepEqual([...folder.files()], [['stock.db', Buffer.from([1, 2])]])
})
