import { CallError } from '../contract/contract.ts'
import type { SqlTransaction } from '../data/data.ts'
import { createStatements } from '../data/internal.ts'
import type { ExtensionKind } from '../service/internal.ts'
import type { Act } from '../telemetry/telemetry.ts'
import { lineOf } from './act.ts'
import type { Signer } from './checkpoint.ts'
import { commitment } from './commitment.ts'
import { createControl } from './control.ts'
import type { AuditLine, AuditLog } from './definition.ts'
import { LONGEST, LONGEST_NAME } from './line.ts'
import { grown, leafHash, rootOf } from './merkle.ts'

/**
 * `entry` is the line as it is hashed. Complete subtrees are in `nodes` from level 1 on; `frontier` has those that a log's end is made of. Each write leaves
 * a signed checkpoint, so that a line which was changed together with all hashes after it is still found by its number.
 */
const migrations = {
  'dure/audit-0001': `
    CREATE TABLE dure_audit_lines (
      log TEXT NOT NULL, seq BIGINT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL,
      entry TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (log, seq)
    );
    CREATE INDEX dure_audit_lines_subject ON dure_audit_lines (log, subject, seq);
    CREATE TABLE dure_audit_nodes (
      log TEXT NOT NULL, level BIGINT NOT NULL, place BIGINT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (log, level, place)
    );
    CREATE TABLE dure_audit_heads (log TEXT PRIMARY KEY, size BIGINT NOT NULL, frontier TEXT NOT NULL);
    CREATE TABLE dure_audit_checkpoints (log TEXT NOT NULL, size BIGINT NOT NULL, note TEXT NOT NULL, PRIMARY KEY (log, size));
    CREATE TABLE dure_audit_personal (
      log TEXT NOT NULL, seq BIGINT NOT NULL, name TEXT NOT NULL, subject TEXT NOT NULL, salt TEXT NOT NULL, value TEXT NOT NULL,
      PRIMARY KEY (log, seq, name)
    );
    CREATE INDEX dure_audit_personal_subject ON dure_audit_personal (log, subject)`,
} as const

const NAMES = ['action', 'actor', 'subject'] as const
const JOINED = Symbol('audit')

type Joined = {
  readonly write: (log: string, line: AuditLine) => Promise<void>
  readonly erase: (log: string, subject: string) => Promise<number>
}

/** The keys of logs: not among what people see of them. */
export const signerOf: WeakMap<AuditLog, Signer> = new WeakMap()

/** What a transaction of a service with an audit log has of it. */
export function joined(tx: unknown): Joined {
  const found = (tx as { readonly [JOINED]?: Joined } | undefined)?.[JOINED]
  if (found !== undefined) return found
  throw new CallError(
    'FAILED_PRECONDITION',
    'Cannot write an audit line: this is no transaction of a service with the log; list the log among its `extensions`',
  )
}

export const audits: ExtensionKind = {
  name: 'audit',
  migrations,
  open: async (host, values) => {
    const logs = new Map((values as readonly AuditLog[]).map((log) => [log.name, log]))
    const { store, runtime } = host
    const { run, all } = createStatements(store)
    for (const name of logs.keys())
      await store.transaction((tx) =>
        run(tx, `INSERT INTO dure_audit_heads (log, size, frontier) VALUES (?, 0, '') ON CONFLICT (log) DO NOTHING`, [name]),
      )
    const known = (name: string): Signer => {
      const log = logs.get(name)
      if (log !== undefined) return signerOf.get(log)!
      throw new CallError(
        'FAILED_PRECONDITION',
        `Cannot write to the audit log "${name}": service "${host.service}" does not list it`,
      )
    }

    /** Whoever writes first has the log's end until his transaction is over: lines are in the order of commits. */
    const write = async (tx: SqlTransaction, log: string, line: AuditLine): Promise<void> => {
      const signer = known(log)
      checkLine(log, line)
      const [head] = await all(
        tx,
        'UPDATE dure_audit_heads SET size = size + 1 WHERE log = ? RETURNING size, frontier, CAST(NOW AS BIGINT) AS now',
        [log],
      )
      const seq = Number(head!['size']) - 1
      const personal = Object.entries(line.personal ?? {}).map(([name, value]) => {
        const salt = Buffer.from(runtime.random.fill(new Uint8Array(16))).toString('hex')
        return { name, value, salt, hash: commitment(salt, value) }
      })
      const { action, actor, subject, about } = line
      const entry = JSON.stringify({
        ...{ log, seq, at: new Date(Number(head!['now'])).toISOString(), action, actor, subject },
        ...(about === undefined ? {} : { about }),
        ...(personal.length === 0 ? {} : { personal: Object.fromEntries(personal.map(({ name, hash }) => [name, hash])) }),
      })
      if (Buffer.byteLength(entry) > LONGEST)
        throw wrong(log, `it has ${Buffer.byteLength(entry)} bytes, and ${LONGEST} are the most`)
      const leaf = leafHash(entry)
      const insert = 'INSERT INTO dure_audit_lines (log, seq, actor, action, subject, entry, hash) VALUES (?, ?, ?, ?, ?, ?, ?)'
      await run(tx, insert, [log, seq, actor, action, subject, entry, leaf.toString('base64')])
      for (const { name, salt, value } of personal)
        await run(tx, 'INSERT INTO dure_audit_personal (log, seq, name, subject, salt, value) VALUES (?, ?, ?, ?, ?, ?)', [
          ...[log, seq, name, subject, salt, value],
        ])
      const before = String(head!['frontier']).split(' ').filter(Boolean)
      const nodes: (readonly [number, number, string])[] = []
      const frontier = grown(
        before.map((hash) => Buffer.from(hash, 'base64')),
        seq,
        leaf,
        (level, at, hash) => level > 0 && nodes.push([level, at, hash.toString('base64')]),
      )
      for (const [level, at, hash] of nodes)
        await run(tx, 'INSERT INTO dure_audit_nodes (log, level, place, hash) VALUES (?, ?, ?, ?)', [log, level, at, hash])
      const text = frontier.map((hash) => hash.toString('base64')).join(' ')
      await run(tx, 'UPDATE dure_audit_heads SET frontier = ? WHERE log = ?', [text, log])
      const note = signer.sign({ origin: log, size: seq + 1, root: rootOf(frontier) })
      await run(tx, 'INSERT INTO dure_audit_checkpoints (log, size, note) VALUES (?, ?, ?)', [log, seq + 1, note])
    }
    const erase = (tx: SqlTransaction, log: string, subject: string): Promise<number> => {
      known(log)
      return run(tx, 'DELETE FROM dure_audit_personal WHERE log = ? AND subject = ?', [log, subject])
    }
    return {
      join: (tx) => ({
        [JOINED]: {
          write: (log, line) => write(tx, log, line),
          erase: (log, subject) => erase(tx, log, subject),
        } satisfies Joined,
      }),
      control: {
        ...createControl(host, logs),
        record: ({ log, act }: { readonly log: string; readonly act: Act }) =>
          store.transaction((tx) => write(tx, log, lineOf(act))),
      },
      stop: async () => {},
    }
  },
}

function checkLine(log: string, line: AuditLine): void {
  for (const name of NAMES) {
    const said: unknown = line[name]
    if (typeof said !== 'string' || said === '' || said.length > LONGEST_NAME)
      throw wrong(
        log,
        `its ${name} is ${typeof said === 'string' ? `of ${said.length} characters` : `of type ${typeof said}`}; give 1 to ${LONGEST_NAME}`,
      )
  }
  for (const [name, value] of Object.entries(line.personal ?? {}))
    if (typeof value !== 'string') throw wrong(log, `its personal value "${name}" is of type ${typeof value}; give a text`)
}

function wrong(log: string, why: string): CallError {
  return new CallError('INVALID_ARGUMENT', `Cannot write a line to the audit log "${log}": ${why}`)
}
