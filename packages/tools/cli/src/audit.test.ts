import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { AuditProof } from 'dure/audit'
import { leafHash, openCheckpoint, provenRoot } from 'dure/audit'
import { dure, startHere, temporary } from './shell.test-support.ts'

async function begin(t: TestContext) {
  const data = temporary()
  const running = await startHere('trail.system.test-support.ts', '--data', data)
  t.after(() => running.stop())
  const audit = (...args: string[]): ReturnType<typeof dure> => dure(['audit', ...args, '--data', data])
  const lend = (book: string, to: string) => dure(['call', 'books.lend', JSON.stringify({ book, to }), '--data', data])
  return { data, audit, lend }
}

test('lines are listed, proven and verified; a checkpoint that was kept is gone on from', async (t) => {
  const { data, audit, lend } = await begin(t)
  assert.match((await audit()).out, /No such lines/)
  assert.match((await audit('checkpoint')).out, /has 0 lines/)
  for (const [book, to] of [
    ['Emma', 'c1'],
    ['Persuasion', 'c2'],
    ['Emma', 'c2'],
  ] as const)
    assert.equal((await lend(book, to)).code, 0)
  assert.match((await audit()).out, /2 +\d{4}-\S+ \S+ +ida +book\.lent +c2 +\{"book".*Reader c2/)
  assert.equal((JSON.parse((await audit('list', '--subject', 'c2', '--json')).out) as unknown[]).length, 2)
  const kept = join(data, 'kept.txt')
  writeFileSync(kept, (await audit('checkpoint')).out)
  assert.equal((await lend('Emma', 'c3')).code, 0)
  assert.match((await audit('verify', '--checkpoint', kept)).out, /4 lines, each as it was written/)
  const { verifier } = JSON.parse((await audit('checkpoint', '--json')).out) as { verifier: string }
  const proof = JSON.parse((await audit('prove', '1', '--json')).out) as AuditProof
  const root = provenRoot(
    leafHash(proof.line),
    proof.index,
    4,
    proof.hashes.map((hash) => Buffer.from(hash, 'base64')),
  )
  assert.deepEqual(openCheckpoint(proof.checkpoint, verifier)?.root, root)
  assert.match((await audit('prove', '1')).out, /"Persuasion"[^]*tests\/books\n4\n/)
})

test('a checkpoint of another log, a file that is none and a line that is not there end with 1, and say why', async (t) => {
  const { data, audit } = await begin(t)
  const file = join(data, 'other.txt')
  writeFileSync(file, 'elsewhere\n3\nAAAA\n\n\u2014 elsewhere AAAA\n')
  const other = await audit('verify', '--checkpoint', file)
  assert.deepEqual(
    [other.code, /Line 0 was left without a checkpoint of its own: .* not signed by the key/.test(other.out)],
    [1, true],
  )
  for (const [words, said] of [
    [['verify', '--checkpoint', join(data, 'none')], /Cannot read the checkpoint/],
    [['prove', '0'], /has no line 0/],
    [['list', '--log', 'other'], /Cannot find the audit log "other": there are tests\/books/],
  ] as const) {
    const { code, err } = await audit(...words)
    assert.deepEqual([code, said.test(err)], [1, true], err)
  }
  assert.notEqual((await audit('prove', 'first')).code, 0)
})
