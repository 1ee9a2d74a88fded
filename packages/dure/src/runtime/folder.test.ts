import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { makeFolder } from './runtime.ts'

test('makes what is missing, and says at once what cannot be made', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'dure-folder-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  makeFolder(join(root, 'a', 'b', 'c'))
  makeFolder(join(root, 'a', 'b', 'c'))
  assert.ok(existsSync(join(root, 'a', 'b', 'c')))
  writeFileSync(join(root, 'file'), '')
  assert.throws(() => makeFolder(join(root, 'file', 'b')), { code: 'ENOTDIR' })
  symlinkSync(join(root, 'nowhere'), join(root, 'link'))
  assert.throws(() => makeFolder(join(root, 'link')), { code: 'EEXIST' })
  if (existsSync('/proc/self')) assert.throws(() => makeFolder('/proc/dure/data'), { code: 'ENOENT' })
})

test('two that make the same folders at once both have them', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'dure-folder-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const workerData = { root, rounds: 200, threads: 2, arrived: new SharedArrayBuffer(4) }
  const made = [1, 2].map(async () => {
    const thread = new Worker(new URL('folder.child.test-support.ts', import.meta.url), { workerData })
    t.after(() => thread.terminate())
    await once(thread, 'exit')
  })
  await Promise.all(made)
})
