import { CallError } from '../contract/contract.ts'
import type { SqlRow, SqlValue } from '../data/data.ts'
import { createStatements } from '../data/internal.ts'
import type { ExtensionHost, OpenExtension } from '../service/internal.ts'
import type { AuditEntry, AuditLog, AuditProof, AuditRaw, AuditVerdict } from './definition.ts'
import { consistencyProof, inclusionProof, type Node } from './merkle.ts'
import { verifyLog } from './verify.ts'

/** Lines that are told at once, and read at once. */
const MOST = 1_000

type Which = { readonly log?: string }

/** What people may ask of audit logs. */
export function createControl(
  { store }: Pick<ExtensionHost, 'store'>,
  logs: ReadonlyMap<string, AuditLog>,
): NonNullable<OpenExtension['control']> {
  const { read } = createStatements(store)
  const find = ({ log }: Which): AuditLog => {
    const found = log === undefined && logs.size === 1 ? [...logs.values()][0] : logs.get(log ?? '')
    if (found !== undefined) return found
    throw new CallError('NOT_FOUND', `There is no audit log "${log ?? ''}" here; there are: ${[...logs.keys()].join(', ')}`)
  }
  const sizeOf = async (log: string): Promise<number> =>
    Number((await read('SELECT size FROM dure_audit_heads WHERE log = ?', [log]))[0]!['size'])
  const noteAt = async (log: string, size: number): Promise<string> => {
    const [row] = await read('SELECT note FROM dure_audit_checkpoints WHERE log = ? AND size = ?', [log, size])
    if (row !== undefined) return String(row['note'])
    throw new CallError(
      'NOT_FOUND',
      `The audit log "${log}" has no checkpoint of ${size} lines; it has ${await sizeOf(log)} lines`,
    )
  }
  const nodeOf =
    (log: string): Node =>
    async (level, at) => {
      const [row] =
        level === 0
          ? await read('SELECT hash FROM dure_audit_lines WHERE log = ? AND seq = ?', [log, at])
          : await read('SELECT hash FROM dure_audit_nodes WHERE log = ? AND level = ? AND place = ?', [log, level, at])
      if (row !== undefined) return Buffer.from(String(row['hash']), 'base64')
      throw new CallError(
        'DATA_LOSS',
        `A hash of the audit log "${log}" is missing (level ${level}, place ${at}); "dure audit verify" says more`,
      )
    }
  const page = (log: string, after: number): Promise<readonly SqlRow[]> =>
    read(`SELECT seq, entry, hash FROM dure_audit_lines WHERE log = ? AND seq > ? ORDER BY seq LIMIT ${MOST}`, [log, after])

  return {
    logs: async () =>
      Promise.all([...logs.values()].map(async ({ name, verifier }) => ({ name, verifier, size: await sizeOf(name) }))),
    list: async (asked: Which & { after?: number; limit?: number; subject?: string; actor?: string; action?: string }) => {
      const { name: log } = find(asked)
      const given = (['subject', 'actor', 'action'] as const).flatMap((column) => {
        const value = asked[column]
        return value === undefined ? [] : [{ sql: ` AND ${column} = ?`, value }]
      })
      const limit = Math.min(MOST, Math.max(1, Math.floor(asked.limit ?? 100)))
      const values: SqlValue[] = [log, asked.after ?? -1, ...given.map(({ value }) => value)]
      const where = `log = ? AND seq > ?${given.map(({ sql }) => sql).join('')}`
      const rows = await read(`SELECT seq, entry FROM dure_audit_lines WHERE ${where} ORDER BY seq LIMIT ${limit}`, values)
      if (rows.length === 0) return []
      const [first, last] = [rows[0]!['seq'], rows.at(-1)!['seq']] as [SqlValue, SqlValue]
      const personal = await read('SELECT seq, name, value FROM dure_audit_personal WHERE log = ? AND seq BETWEEN ? AND ?', [
        ...[log, first, last],
      ])
      const there = new Map(personal.map(({ seq, name, value }) => [`${Number(seq)} ${String(name)}`, String(value)]))
      return rows.map((row): AuditEntry => {
        const {
          log: _,
          personal: hashes = {},
          ...line
        } = JSON.parse(String(row['entry'])) as AuditEntry & { readonly log: string }
        const names = Object.keys(hashes)
        return { ...line, personal: Object.fromEntries(names.map((name) => [name, there.get(`${line.seq} ${name}`)])) }
      })
    },
    raw: async (asked: Which & { after?: number; limit?: number }): Promise<AuditRaw> => {
      const { name, verifier } = find(asked)
      return rawOf(read, { log: name, verifier, size: await sizeOf(name) }, await page(name, asked.after ?? -1), asked.limit)
    },
    checkpoint: async (asked: Which & { size?: number }): Promise<string | undefined> => {
      const { name } = find(asked)
      const size = asked.size ?? (await sizeOf(name))
      return size === 0 ? undefined : noteAt(name, size)
    },
    prove: async (asked: Which & { seq: number; size?: number }): Promise<AuditProof> => {
      const { name } = find(asked)
      const size = asked.size ?? (await sizeOf(name))
      const [row] = await read('SELECT entry FROM dure_audit_lines WHERE log = ? AND seq = ?', [name, asked.seq])
      if (row === undefined || asked.seq >= size)
        throw new CallError('NOT_FOUND', `The audit log "${name}" of ${size} lines has no line ${asked.seq}`)
      const hashes = await inclusionProof(asked.seq, size, nodeOf(name))
      return {
        ...{ line: String(row['entry']), index: asked.seq, checkpoint: await noteAt(name, size) },
        hashes: hashes.map((hash) => hash.toString('base64')),
      }
    },
    consistency: async (asked: Which & { from: number; size?: number }): Promise<readonly string[]> => {
      const { name } = find(asked)
      const size = asked.size ?? (await sizeOf(name))
      if (asked.from > size)
        throw new CallError('NOT_FOUND', `The audit log "${name}" has ${size} lines, and not yet ${asked.from}`)
      return (await consistencyProof(asked.from, size, nodeOf(name))).map((hash) => hash.toString('base64'))
    },
    verify: async (asked: Which & { checkpoint?: string }): Promise<AuditVerdict> => {
      const { name, verifier } = find(asked)
      const size = await sizeOf(name)
      const notes = async (from: number, to: number): Promise<ReadonlyMap<number, string>> => {
        const sql = 'SELECT size, note FROM dure_audit_checkpoints WHERE log = ? AND size BETWEEN ? AND ?'
        return new Map((await read(sql, [name, from, to])).map((row) => [Number(row['size']), String(row['note'])]))
      }
      const personal = async (from: number, to: number): Promise<readonly SqlRow[]> =>
        read('SELECT seq, name, salt, value FROM dure_audit_personal WHERE log = ? AND seq BETWEEN ? AND ?', [name, from, to])
      return verifyLog({
        log: name,
        verifier,
        size,
        known: asked.checkpoint,
        page: (after) => page(name, after),
        notes,
        personal,
      })
    },
  }
}

/** What is kept, as it is, for whoever checks it elsewhere. */
async function rawOf(
  read: (sql: string, values: readonly SqlValue[]) => Promise<readonly SqlRow[]>,
  log: Pick<AuditRaw, 'log' | 'verifier' | 'size'>,
  rows: readonly SqlRow[],
  limit = MOST,
): Promise<AuditRaw> {
  const lines = rows.slice(0, Math.max(1, Math.floor(limit)))
  const [first, last] = [Number(lines[0]?.['seq'] ?? 0), Number(lines.at(-1)?.['seq'] ?? -1)]
  const notes = 'SELECT size, note FROM dure_audit_checkpoints WHERE log = ? AND size BETWEEN ? AND ?'
  const salts = 'SELECT seq, name, salt, value FROM dure_audit_personal WHERE log = ? AND seq BETWEEN ? AND ?'
  return {
    ...log,
    lines: lines.map((row) => ({ seq: Number(row['seq']), entry: String(row['entry']), hash: String(row['hash']) })),
    checkpoints: (await read(notes, [log.log, first + 1, last + 1])).map((row) => ({
      ...{ size: Number(row['size']), note: String(row['note']) },
    })),
    personal: (await read(salts, [log.log, first, last])).map((row) => ({
      ...{ seq: Number(row['seq']), name: String(row['name']), salt: String(row['salt']), value: String(row['value']) },
    })),
  }
}
