/**
 * `node foreign.test-support.ts JUDGE PYTHON SCRIPT`: Go's transparency log (golang.org/x/mod/sumdb) judges checkpoints and proofs of a running
 * service, and so does a script in Python that was written from the guide alone; then a person is erased.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import { command, contract } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import { service, start, system } from '../service/service.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { auditLog, type AuditProof } from './audit.ts'

const [, , judge = '', python = '', script = ''] = process.argv
const trail = auditLog('shop.example/books', { key: generateKeyPairSync('ed25519').privateKey })
const Books = contract('books', {
  version: '1.0.0',
  owner: 'tests',
  operations: { lend: command({}), forget: command({ input: z.string(), output: z.int() }) },
})
const line = { action: 'book.lent', actor: 'ida', subject: '하나', personal: { name: '김하나' } }
const books = service(Books, {
  ...{ database: database({ migrations: {} }), extensions: [trail] },
  handlers: {
    lend: (_, { database }) => database.transaction((tx) => trail.write(tx, line)),
    forget: (who, { database }) => database.transaction((tx) => trail.erase(tx, who)),
  },
})
const directory = mkdtempSync(join(tmpdir(), 'dure-audit-'))
const running = await start(system('library', { services: [books], telemetry: false }), { directory, log: silentLogger() })
const ask = <T>(method: string, input: object = {}): Promise<T> =>
  running.ask('books', { kind: 'audit', method, input }) as Promise<T>
const { verifier } = trail

/** What it says to each question. */
function judged(questions: readonly object[], [program, ...words]: readonly string[] = [judge]): readonly string[] {
  const { status, stdout, stderr } = spawnSync(program!, words, {
    input: questions.map((one) => `${JSON.stringify(one)}\n`).join(''),
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  return stdout.trim().split('\n')
}
const check = async (what: string, work: () => Promise<string>): Promise<void> => {
  const said = await work().catch((error: unknown) => error as Error)
  if (said instanceof Error) process.exitCode = 1
  console.log(said instanceof Error ? `✖ ${what}: ${said.message}` : `✔ ${what}: ${said}`)
}

try {
  const SIZE = 37
  for (let i = 0; i < SIZE; i++) await running.client(Books).lend()
  const proofs = await Promise.all(Array.from({ length: SIZE }, (_, seq) => ask<AuditProof>('prove', { seq })))
  await check('every line is proven to it', async () => {
    const said = judged(proofs.map((proof) => ({ verifier, ...proof })))
    assert.deepEqual(new Set(said), new Set(['ok']))
    return `${said.length} of ${SIZE}`
  })
  await check('every size goes on from every earlier one', async () => {
    const notes = await Promise.all(Array.from({ length: SIZE }, (_, at) => ask<string>('checkpoint', { size: at + 1 })))
    const questions: object[] = []
    for (let size = 1; size <= SIZE; size += 3)
      for (let from = 1; from <= size; from++)
        questions.push({
          verifier,
          checkpoint: notes[size - 1],
          earlier: notes[from - 1],
          hashes: await ask('consistency', { from, size }),
        })
    const said = judged(questions)
    assert.deepEqual(new Set(said), new Set(['ok']))
    return `${said.length} pairs`
  })
  await check('another line, another key and another root are refused', async () => {
    const [proof] = proofs as [AuditProof]
    const other = auditLog('shop.example/books', { key: generateKeyPairSync('ed25519').privateKey }).verifier
    const said = judged([
      { verifier, ...proof, line: proof.line.replace('ida', 'eve') },
      { verifier: other, ...proof },
      { verifier, ...proof, checkpoint: proof.checkpoint.replace(`\n${SIZE}\n`, `\n${SIZE - 1}\n`) },
    ])
    assert.ok(
      said.every((one) => one !== 'ok'),
      said.join(),
    )
    return said.join('; ')
  })
  const auditor = [python, script]
  const [first] = proofs as [AuditProof]
  const personal = (): readonly object[] => {
    const file = new DatabaseSync(join(directory, 'books.db'), { readOnly: true })
    const rows = file.prepare('SELECT name, salt, value FROM dure_audit_personal WHERE seq = 0').all()
    file.close()
    return rows
  }
  await check('a script in Python, from the guide alone, says the same of lines and of a person', async () => {
    const said = judged(
      [...proofs.map((proof) => ({ verifier, ...proof })), { verifier, ...first, personal: personal()[0] }],
      auditor,
    )
    assert.deepEqual(new Set(said), new Set(['ok']))
    return `${said.length} of ${SIZE + 1}`
  })
  await check('and refuses another line, another place, another key, another size and another name', async () => {
    const [row] = personal()
    const said = judged(
      [
        { verifier, ...first, line: first.line.replace('ida', 'eve') },
        { verifier, ...first, index: 1 },
        { verifier, ...first, hashes: first.hashes.slice(1) },
        { verifier: auditLog('shop.example/books', { key: generateKeyPairSync('ed25519').privateKey }).verifier, ...first },
        { verifier, ...first, checkpoint: first.checkpoint.replace(`\n${SIZE}\n`, `\n${SIZE + 1}\n`) },
        { verifier, ...first, personal: { ...row, value: '이하나' } },
      ],
      auditor,
    )
    assert.ok(said.length === 6 && !said.includes('ok'), said.join())
    return said.join('; ')
  })
  await check('a person is erased, and every proof holds, as Go and Python judge', async () => {
    const gone = await running.client(Books).forget(line.subject)
    assert.deepEqual([gone, personal().length], [SIZE, 0])
    const after = await Promise.all(Array.from({ length: SIZE }, (_, seq) => ask<AuditProof>('prove', { seq })))
    assert.deepEqual(after, proofs)
    const questions = after.map((proof) => ({ verifier, ...proof }))
    const said = [...judged(questions), ...judged(questions, auditor)]
    assert.deepEqual(new Set(said), new Set(['ok']))
    return `${gone} values gone, ${said.length} proofs hold`
  })
} finally {
  await running.stop()
  rmSync(directory, { recursive: true, force: true })
}
