import type { Session } from 'node:sqlite'
import type { SqlRow } from 'dure/data'
import type { OutboxRow } from 'dure/data/internal'
import type { Process } from '../kernel/kernel.ts'
import { rowsOf } from './changes.ts'
import type { Snapshot } from './snapshots.ts'

/** One transaction, as the server sees it. */
export type Attempt = {
  /** The store's member that began it, and its process. */
  readonly member: string
  readonly process: Process
  readonly snapshot: Snapshot
  readonly session: Session
  /** How many commits it sees. */
  readonly from: number
  /** Every statement with its answer, by which it is found out what it has read. */
  readonly log: Statement[]
  /** Rows that it has written, which are locked until it ends. */
  rows: ReadonlySet<string>
  /** Statements that changed tables. */
  readonly schema: string[]
  /** What it announces. */
  readonly announced: OutboxRow[]
  /** Asked at its commit, where it may still be refused, and done with it. */
  readonly joined: { readonly check: () => void; readonly apply: () => void }[]
  /** Whose end it waits for. */
  waitsFor: Attempt | undefined
  state: 'open' | 'committed' | 'ended'
  /** Why the server has ended it. */
  reason: Error | undefined
  /** When it was last heard of. */
  heard: number
  readonly over: PromiseWithResolvers<void>
}

/** A statement of a transaction and what it was answered. */
export type Statement = {
  readonly kind: 'all' | 'run'
  readonly sql: string
  readonly parameters: readonly unknown[]
  answer: string
}

/** Another transaction got in the way: the work is to be run again from its start. */
export class Crossed extends Error {
  override readonly name = 'Crossed'
}

/** A transaction that is committed, while others are open that began before. */
export type Committed = {
  readonly version: number
  readonly attempt: Attempt
  readonly changes: Uint8Array
  /** The first of the commits before its own that changed what it had read. */
  readonly out: number | undefined
}

export function beginAttempt(options: {
  readonly member: string
  readonly process: Process
  readonly snapshot: Snapshot
  readonly now: number
}): Attempt {
  const { member, process, snapshot, now } = options
  snapshot.db.exec('BEGIN')
  return {
    ...{ member, process, snapshot, session: snapshot.db.createSession(), from: snapshot.version },
    ...{ log: [], rows: new Set<string>(), schema: [], announced: [], joined: [], waitsFor: undefined },
    ...{ state: 'open', reason: undefined, heard: now, over: Promise.withResolvers<void>() },
  }
}

const READS = /^\s*(?:select|values)\b/i
const SCHEMA = /^\s*(?:create|alter|drop|reindex)\b/i

/** Runs a statement in a transaction, on its own copy. @throws what the statement throws */
export function execute(attempt: Attempt, kind: 'all', sql: string, parameters: readonly unknown[]): SqlRow[]
export function execute(attempt: Attempt, kind: 'run', sql: string, parameters: readonly unknown[]): Changes
export function execute(attempt: Attempt, kind: 'all' | 'run', sql: string, parameters: readonly unknown[]): SqlRow[] | Changes {
  const statement: Statement = { kind, sql, parameters, answer: '' }
  attempt.log.push(statement)
  try {
    const answer = attempt.snapshot.statements[kind](sql, parameters)
    statement.answer = textOf(answer)
    return answer
  } catch (error) {
    statement.answer = failed(error)
    throw error
  } finally {
    if (SCHEMA.test(sql)) attempt.schema.push(sql)
    if (!READS.test(sql)) attempt.rows = rowsOf(attempt.session.changeset())
  }
}

type Changes = { readonly changes: number | bigint; readonly lastInsertRowid: number | bigint }

/** Whether a transaction's statements, run again on its copy as it is now, are answered as they were. */
export function answersTheSame({ log, snapshot }: Attempt): boolean {
  return log.every(({ kind, sql, parameters, answer }) => {
    try {
      return textOf(snapshot.statements[kind](sql, parameters)) === answer
    } catch (error) {
      return failed(error) === answer
    }
  })
}

function textOf(answer: SqlRow[] | Changes): string {
  if (!Array.isArray(answer)) return String(answer.changes)
  return JSON.stringify(answer, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
}

function failed(error: unknown): string {
  return `failed: ${String(error)}`
}
