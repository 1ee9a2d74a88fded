import type { KeyObject } from 'node:crypto'
import type { Extension } from '../service/service.ts'
import type { RecordAct } from '../telemetry/telemetry.ts'

export type AuditLogOptions = {
  /** Signs checkpoints: a private Ed25519 key in PEM. Whoever has the database and not the key cannot change a line unseen. */
  readonly key: string | KeyObject
}

/** What has happened, as it is written down for ever. */
export type AuditLine = {
  /** What was done: `payment.refunded`. */
  readonly action: string
  /** Who did it: a user's id, or a service's name. */
  readonly actor: string
  /** Whom or what it was done to; by it personal values are erased. */
  readonly subject: string
  /** More of it: JSON. Nothing personal: it can never be taken back. */
  readonly about?: Readonly<Record<string, unknown>>
  /** Values that belong to the subject as a person. The line holds a salted hash of each; the value is beside it, and can be erased. */
  readonly personal?: Readonly<Record<string, string>>
}

/** A line as it is read. */
export type AuditEntry = Omit<AuditLine, 'personal'> & {
  readonly seq: number
  /** When, as ISO 8601. By it nothing is ordered: `seq` is. */
  readonly at: string
  /** The values that are still there; undefined for what was erased. */
  readonly personal: Readonly<Record<string, string | undefined>>
}

/** An audit log that a service lists among its `extensions`. Made by `auditLog`. */
export type AuditLog = Extension & {
  /** What others check its checkpoints by. */
  readonly verifier: string
  /** Writes a line in a transaction of its service: with the rest of it, or not at all. */
  readonly write: (tx: unknown, line: AuditLine) => Promise<void>
  /** Takes the personal values of a subject away. Proofs hold as before. Gives how many there were. */
  readonly erase: (tx: unknown, subject: string) => Promise<number>
  /**
   * Writes an act that belongs to no transaction of the log's service, from any process of the system that names the log as its `audit`:
   * `security({ record: trail.record })`. @throws {CallError} UNAVAILABLE while no such system runs in this process, or its service is away
   */
  readonly record: RecordAct
  /** Gives `record` its way to the log, until it is called off: what a system does when it starts. */
  readonly connect: (record: RecordAct) => () => void
}

/** Shows that a line is in the log. */
export type AuditProof = {
  /** The bytes that are hashed: JSON. */
  readonly line: string
  readonly index: number
  readonly checkpoint: string
  /** Base64, the lowest first. */
  readonly hashes: readonly string[]
}

/** A page of a log as it is kept: by it a stranger checks every line without trusting whoever shows it. */
export type AuditRaw = {
  readonly log: string
  /** `name+id+key`, of signed notes. */
  readonly verifier: string
  /** Lines that the log says it has. */
  readonly size: number
  /** `entry`: the text that is hashed; `hash`: its leaf in base64. */
  readonly lines: readonly { readonly seq: number; readonly entry: string; readonly hash: string }[]
  /** What was signed with each of them: the tree of so many lines. */
  readonly checkpoints: readonly { readonly size: number; readonly note: string }[]
  /** Those that were not erased. */
  readonly personal: readonly {
    readonly seq: number
    readonly name: string
    readonly salt: string
    readonly value: string
  }[]
}

export type AuditFault = {
  /** The first line that is not as it was written. */
  readonly seq: number
  readonly what: 'changed' | 'removed' | 'moved' | 'added' | 'checkpoint'
  readonly why: string
}

export type AuditVerdict =
  | { readonly ok: true; readonly size: number; readonly checkpoint: string | undefined }
  | { readonly ok: false; readonly fault: AuditFault }
