import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createFlush } from './internal.ts'

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dure-flush-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

test('whoever asks while a flush is in the air shares the next one', async (t) => {
  const path = join(folder(t), 'file')
  writeFileSync(path, 'x')
  const flush = createFlush(path)
  assert.equal(flush.pending(), undefined)
  const first = flush.flush()
  const second = flush.flush()
  const third = flush.flush()
  assert.notEqual(first, second)
  assert.equal(second, third)
  assert.equal(flush.pending(), second)
  const order: string[] = []
  await Promise.all([second.then(() => order.push('second')), first.then(() => order.push('first'))])
  assert.deepEqual(order, ['first', 'second'])
  assert.equal(flush.pending(), undefined)
  await flush.flush()
  await flush.stop()
})

test('after a failed flush nothing is called durable any more', async (t) => {
  const path = join(folder(t), 'missing')
  const flush = createFlush(path)
  await assert.rejects(flush.flush(), { code: 'ENOENT' })
  writeFileSync(path, 'x')
  await assert.rejects(flush.flush(), { code: 'ENOENT' })
  await flush.stop().catch(() => {})
})
