import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { command, contract } from '../contract/contract.ts'
import { elsewhere, testAdapter } from '../data/adapter.conformance.ts'
import { database } from '../data/data.ts'
import { service, start, system, type Running } from '../service/service.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import {
  auditLog,
  goesOn,
  leafHash,
  openCheckpoint,
  provenRoot,
  type AuditEntry,
  type AuditProof,
  type AuditVerdict,
} from './audit.ts'

const key = generateKeyPairSync('ed25519').privateKey
const trail = auditLog('tests/payments', { key })
const other = auditLog('tests/others', { key })

const Payments = contract('payments', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    refund: command({
      input: z.object({ id: z.string(), to: z.string(), name: z.string().optional(), fails: z.boolean().default(false) }),
    }),
    forget: command({ input: z.string(), output: z.int() }),
    write: command({ input: z.record(z.string(), z.unknown()) }),
  },
})
const rows = database<{ refunds: { id: string } }>({ migrations: { '001': 'CREATE TABLE refunds (id TEXT PRIMARY KEY)' } })
const payments = service(Payments, {
  ...{ database: rows, extensions: [trail, other] },
  handlers: {
    refund: ({ id, to, name, fails }, { database }) =>
      database.transaction(async (tx) => {
        await tx.insertInto('refunds').values({ id }).execute()
        const personal = name === undefined ? {} : { personal: { name } }
        await trail.write(tx, { action: 'payment.refunded', actor: 'ida', subject: to, about: { id }, ...personal })
        if (fails) throw new Error('It failed after all')
      }),
    forget: (subject, { database }) => database.transaction((tx) => trail.erase(tx, subject)),
    write: (line, { database }) => database.transaction((tx) => trail.write(tx, line as never)),
  },
})

async function begin(directory: string): Promise<Running> {
  const made = system('shop', { services: [payments], database: testAdapter as never, telemetry: false })
  return start(made, { directory, log: silentLogger() })
}

async function rig(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-audit-'))
  let running = await begin(directory)
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const ask = <T>(method: string, input: object = {}): Promise<T> =>
    running.ask('payments', { kind: 'audit', method, input: { log: trail.name, ...input } }) as Promise<T>
  return {
    client: () => running.client(Payments),
    ask,
    verify: (checkpoint?: string) => ask<AuditVerdict>('verify', checkpoint === undefined ? {} : { checkpoint }),
    /** Somebody with the database, and without the key. */
    tamper: async (...statements: readonly string[]) => {
      await running.stop()
      const file = new DatabaseSync(join(directory, 'payments.db'))
      for (const sql of statements) file.exec(sql)
      file.close()
      running = await begin(directory)
    },
    crash: async () => {
      await running.stop()
      running = await begin(directory)
    },
  }
}

const refunded = async ({ client }: Awaited<ReturnType<typeof rig>>, count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await client().refund({ id: `r${i}`, to: `c${i % 3}`, name: `Name ${i}` })
}

test('a line is there with the rest of its transaction, or not at all, and is proven', async (t) => {
  const it = await rig(t)
  await assert.rejects(it.client().refund({ id: 'x', to: 'c', fails: true }))
  assert.deepEqual(await it.ask('list'), [])
  assert.equal(await it.ask('checkpoint'), undefined)
  await refunded(it, 21)
  const all = await it.ask<readonly AuditEntry[]>('list')
  assert.deepEqual(
    all.map(({ seq, subject, about }) => [seq, subject, about]),
    Array.from({ length: 21 }, (_, i) => [i, `c${i % 3}`, { id: `r${i}` }]),
  )
  assert.equal(
    (await it.ask<readonly AuditEntry[]>('list', { subject: 'c1', after: 3, limit: 2 })).map(({ seq }) => seq).join(),
    '4,7',
  )
  for (const size of [21, 20, 13])
    for (let seq = 0; seq < size; seq += 5) {
      const { line, index, checkpoint, hashes } = await it.ask<AuditProof>('prove', { seq, size })
      const signed = openCheckpoint(checkpoint, trail.verifier)!
      const path = hashes.map((hash) => Buffer.from(hash, 'base64'))
      assert.equal(signed.size, size)
      assert.deepEqual(provenRoot(leafHash(line), index, size, path), signed.root)
      assert.equal((JSON.parse(line) as AuditEntry).seq, seq)
    }
  const [before, now] = await Promise.all([7, 21].map((size) => it.ask<string>('checkpoint', { size })))
  const hashes = (await it.ask<readonly string[]>('consistency', { from: 7 })).map((hash) => Buffer.from(hash, 'base64'))
  assert.ok(goesOn(openCheckpoint(before!, trail.verifier)!, openCheckpoint(now!, trail.verifier)!, hashes))
  assert.deepEqual(await it.verify(before), { ok: true, size: 21, checkpoint: now })
  await it.crash()
  await it.client().refund({ id: 'later', to: 'c' })
  assert.ok((await it.verify(now)).ok)
})

test('who writes at once writes one after the other', async (t) => {
  const it = await rig(t)
  await Promise.all(Array.from({ length: 30 }, (_, i) => it.client().refund({ id: `r${i}`, to: 'c' })))
  const all = await it.ask<readonly AuditEntry[]>('list')
  assert.deepEqual(
    all.map(({ seq }) => seq),
    all.map((_, i) => i),
  )
  assert.equal(all.length, 30)
  assert.ok((await it.verify()).ok)
})

test('a person is erased, and every proof holds; the value cannot be found from the line', async (t) => {
  const it = await rig(t)
  await refunded(it, 9)
  const [before] = await it.ask<readonly AuditEntry[]>('list', { subject: 'c1' })
  assert.deepEqual(before!.personal, { name: 'Name 1' })
  const checkpoint = await it.ask<string>('checkpoint')
  const proof = await it.ask<AuditProof>('prove', { seq: 1 })
  assert.ok(!proof.line.includes('Name') && !proof.line.includes(createHash('sha256').update('Name 1').digest('hex')))
  assert.equal(await it.client().forget('c1'), 3)
  const [after] = await it.ask<readonly AuditEntry[]>('list', { subject: 'c1' })
  assert.deepEqual(after!.personal, { name: undefined })
  assert.deepEqual(await it.ask('prove', { seq: 1 }), proof)
  assert.deepEqual(await it.verify(checkpoint), { ok: true, size: 9, checkpoint })
  assert.equal(await it.client().forget('c1'), 0)
})

const LINES = 'dure_audit_lines'
const at = (seq: number): string => `WHERE log = 'tests/payments' AND seq = ${seq}`
const leaf = (entry: string): string => leafHash(entry).toString('base64')

for (const [what, statements, fault] of [
  ['changed', [`UPDATE ${LINES} SET entry = replace(entry, 'r4', 'r5') ${at(4)}`], { seq: 4, what: 'changed' }],
  ['removed', [`DELETE FROM ${LINES} ${at(4)}`], { seq: 4, what: 'removed' }],
  ['removed at the end', [`DELETE FROM ${LINES} ${at(9)}`], { seq: 9, what: 'removed' }],
  [
    'put in another place',
    [
      'UPDATE dure_audit_lines SET seq = -1 WHERE seq = 4',
      'UPDATE dure_audit_lines SET seq = 4 WHERE seq = 5',
      'UPDATE dure_audit_lines SET seq = 5 WHERE seq = -1',
    ],
    { seq: 4, what: 'moved' },
  ],
  [
    'added',
    [`INSERT INTO ${LINES} SELECT log, 10, actor, action, subject, entry, hash FROM ${LINES} ${at(9)}`],
    { seq: 10, what: 'moved' },
  ],
  ['given another personal value', [`UPDATE dure_audit_personal SET value = 'Eve' ${at(4)}`], { seq: 4, what: 'changed' }],
  ['left without its checkpoint', [`DELETE FROM dure_audit_checkpoints WHERE size = 5`], { seq: 4, what: 'checkpoint' }],
  [
    'left with a checkpoint of another size',
    [`UPDATE dure_audit_checkpoints SET note = (SELECT note FROM dure_audit_checkpoints WHERE size = 4) WHERE size = 5`],
    { seq: 4, what: 'checkpoint' },
  ],
] as const)
  test(`a line that was ${what} is named`, { skip: elsewhere }, async (t) => {
    const it = await rig(t)
    await refunded(it, 10)
    await it.tamper(...statements)
    const verdict = await it.verify()
    assert.ok(!verdict.ok, 'nobody has seen it')
    const { seq, what: seen } = verdict.fault
    assert.deepEqual({ seq, what: seen }, fault, verdict.fault.why)
  })

test(
  'a line changed together with its hash, and an end cut off with all that tells of it, are found',
  { skip: elsewhere },
  async (t) => {
    const it = await rig(t)
    await refunded(it, 10)
    const kept = await it.ask<string>('checkpoint')
    const { line } = await it.ask<AuditProof>('prove', { seq: 4 })
    const forged = line.replace('r4', 'rX')
    await it.tamper(`UPDATE ${LINES} SET entry = '${forged}', hash = '${leaf(forged)}' ${at(4)}`)
    const verdict = await it.verify()
    assert.ok(!verdict.ok && verdict.fault.seq === 4 && verdict.fault.what === 'changed')

    const whole = await rig(t)
    await refunded(whole, 8)
    // Seven lines are a whole log: only whoever has kept a checkpoint knows better.
    const frontier = await whole.ask<string>('checkpoint')
    await whole.tamper(
      `DELETE FROM ${LINES} ${at(7)}`,
      'DELETE FROM dure_audit_checkpoints WHERE size = 8',
      'UPDATE dure_audit_heads SET size = 7',
    )
    assert.ok((await whole.verify()).ok)
    const shorter = await whole.verify(frontier)
    assert.ok(!shorter.ok && shorter.fault.what === 'removed' && shorter.fault.seq === 7)
    const foreign = await whole.verify(kept.replace('10', '11'))
    assert.ok(!foreign.ok && foreign.fault.what === 'checkpoint')
  },
)

test('what is no line is refused, and nothing of it is there', async (t) => {
  const it = await rig(t)
  const line = { action: 'a', actor: 'b', subject: 'c' }
  for (const wrong of [
    {},
    { ...line, actor: '' },
    { ...line, subject: 'x'.repeat(201) },
    { ...line, personal: { name: 1 } },
    { ...line, about: { text: 'x'.repeat(20_000) } },
  ])
    await assert.rejects(it.client().write(wrong), { code: 'INVALID_ARGUMENT' })
  assert.deepEqual(await it.ask('list'), [])
  await it.client().write({ ...line, about: { text: '"\n\u0000하나' } })
  assert.ok((await it.verify()).ok)
  await assert.rejects(trail.write({}, line as never), { code: 'FAILED_PRECONDITION', message: /list the log among/ })
  await assert.rejects(it.ask('prove', { seq: 1 }), { code: 'NOT_FOUND' })
  await assert.rejects(it.ask('consistency', { from: 2 }), { code: 'NOT_FOUND' })
  await assert.rejects(it.ask('list', { log: 'nobody' }), { code: 'NOT_FOUND' })
})
