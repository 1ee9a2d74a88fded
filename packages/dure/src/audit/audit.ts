/** Who did what, in lines that nobody can change unseen. */
import { CallError } from '../contract/contract.ts'
import type { RecordAct } from '../telemetry/telemetry.ts'
import { createSigner } from './checkpoint.ts'
import type { AuditLog, AuditLogOptions } from './definition.ts'
import { audits, joined, signerOf } from './kind.ts'

export type {
  AuditEntry,
  AuditFault,
  AuditLine,
  AuditLog,
  AuditLogOptions,
  AuditProof,
  AuditRaw,
  AuditVerdict,
} from './definition.ts'
export { openCheckpoint, type Checkpoint } from './checkpoint.ts'
export { goesOn, leafHash, provenRoot } from './merkle.ts'

/**
 * An append-only log in the store of a service, as a Merkle tree (RFC 6962) whose size and root are signed with each transaction.
 * @param name also the origin of its checkpoints: no two logs of an organization have the same
 * @throws {TypeError} when its name or key cannot be used
 *
 * @example
 * ```ts
 * import { generateKeyPairSync } from 'node:crypto'
 * import { auditLog } from 'dure/audit'
 * import { command, contract } from 'dure/contract'
 * import { database } from 'dure/data'
 * import { service } from 'dure/service'
 * import { z } from 'zod'
 *
 * const { privateKey } = generateKeyPairSync('ed25519') // in production: a secret, in PEM
 * const trail = auditLog('shop.example/payments', { key: privateKey })
 * const Payments = contract('payments', {
 *   version: '1.0.0',
 *   owner: 'team-money',
 *   operations: { refund: command({ input: z.object({ id: z.string(), to: z.string() }) }) },
 * })
 * const payments = service(Payments, {
 *   database: database({ migrations: {} }),
 *   extensions: [trail],
 *   handlers: {
 *     refund: ({ id, to }, { database }) =>
 *       database.transaction((tx) => trail.write(tx, { action: 'payment.refunded', actor: 'ida', subject: to, about: { id } })),
 *   },
 * })
 * console.log(payments.contract.name, trail.verifier.split('+')[0]) // → payments shop.example/payments
 * ```
 */
export function auditLog(name: string, { key }: AuditLogOptions): AuditLog {
  if (typeof name !== 'string' || !/^[\w.-]+(\/[\w.-]+)*$/.test(name) || name.length > 100)
    throw new TypeError(
      `Cannot define the audit log "${name}": its name has at most 100 letters, digits, ".", "_", "-", and "/" between them`,
    )
  const signer = createSigner(name, key)
  /** Of systems that run here, the latest last. */
  const ways: RecordAct[] = []
  const log: AuditLog = {
    ...{ kind: audits, name, verifier: signer.verifier },
    write: async (tx, line) => joined(tx).write(name, line),
    erase: async (tx, subject) => joined(tx).erase(name, subject),
    record: async (act) => {
      const way = ways.at(-1)
      if (way === undefined) throw away(name)
      await way(act)
    },
    connect: (record) => {
      ways.push(record)
      return () => void ways.splice(ways.indexOf(record), 1)
    },
  }
  signerOf.set(log, signer)
  return Object.freeze(log)
}

function away(name: string): CallError {
  return new CallError(
    'UNAVAILABLE',
    `Cannot write to the audit log "${name}": no system that has it as its \`audit\` runs in this process`,
  )
}
