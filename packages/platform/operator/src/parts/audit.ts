import { CallError, contract } from 'dure/contract'
import type { AuditEntry } from 'dure/audit'
import type { DoorHost } from 'dure/service'
import { z } from 'zod'
import { askExtension, askExtensions, Silent, wideQuery } from '../across.ts'
import { operatorPart, type OperatorPart } from '../part.ts'

const Log = z.object({ service: z.string(), name: z.string(), verifier: z.string(), size: z.number() })
type Log = z.infer<typeof Log>
const Json = z.record(z.string(), z.unknown())
const Entry = z.object({
  ...{ seq: z.number(), at: z.string(), action: z.string(), actor: z.string(), subject: z.string(), about: Json.optional() },
  personal: z.record(z.string(), z.string().optional()).describe('what was erased has no value'),
})
const Verified = z.union([
  z.object({ ok: z.literal(true), size: z.number(), checkpoint: z.string().optional() }),
  z.object({ ok: z.literal(false), fault: z.object({ seq: z.number(), what: z.string(), why: z.string() }) }),
])
const Proof = z.object({ line: z.string(), index: z.number(), checkpoint: z.string(), hashes: z.array(z.string()) })
const Raw = z.object({
  ...{ log: z.string(), verifier: z.string(), size: z.number() },
  lines: z.array(z.object({ seq: z.number(), entry: z.string(), hash: z.string() })),
  checkpoints: z.array(z.object({ size: z.number(), note: z.string() })),
  personal: z.array(z.object({ seq: z.number(), name: z.string(), salt: z.string(), value: z.string() })),
})

const log = z.string().optional().describe('needed where there are several')
const size = z.int().min(0).optional().describe('of the tree; default: as large as the log is')
const after = z.int().optional().describe('the last line of the page before')

const Audit = contract('audit', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Who did what, in lines that nobody can change unseen (RFC 6962, C2SP checkpoints)',
  operations: {
    logs: wideQuery({
      output: z.object({ logs: z.array(Log), silent: Silent }),
      description: 'Logs of all services, with their verifiers',
    }),
    list: wideQuery({
      input: z.object({
        ...{ log, subject: z.string().optional(), actor: z.string().optional(), action: z.string().optional() },
        ...{ after, limit: z.int().min(1).max(1_000).default(100) },
      }),
      output: z.array(Entry),
      description: 'Lines, the oldest first',
    }),
    verify: wideQuery({
      input: z.object({ log, checkpoint: z.string().optional().describe('one that was kept elsewhere') }),
      ...{ output: Verified, deadline: 120_000 },
      description: 'Reads a log from its first line on, and names the first that is not as it was written',
    }),
    prove: wideQuery({
      ...{ input: z.object({ log, seq: z.int().min(0), size }), output: Proof },
      description: 'A line, a signed checkpoint, and the hashes that lead from the one to the other',
    }),
    consistency: wideQuery({
      ...{ input: z.object({ log, from: z.int().min(0), size }), output: z.array(z.string()) },
      description: 'The hashes which show that the log goes on from the one that had so many lines',
    }),
    checkpoint: wideQuery({
      input: z.object({ log, size }),
      output: z.object({ log: z.string(), verifier: z.string(), size: z.number(), checkpoint: z.string().nullable() }),
      description: 'What the log says of itself, signed: to be kept elsewhere',
    }),
    raw: wideQuery({
      ...{ input: z.object({ log, after, limit: z.int().min(1).max(1_000).default(1_000) }), output: Raw },
      description: 'Lines, signatures and salts as they are kept, for whoever checks them elsewhere',
    }),
  },
})

/** Audit logs of all services, and their proofs. */
export const audit: OperatorPart = operatorPart({
  contract: Audit,
  answer: ({ host }) => ({
    logs: () => logs(host),
    list: async (asked) => (await ask<readonly AuditEntry[]>(host, 'list', asked)) as z.infer<typeof Entry>[],
    verify: (asked) => ask(host, 'verify', asked),
    prove: (asked) => ask(host, 'prove', asked),
    consistency: (asked) => ask(host, 'consistency', asked),
    checkpoint: async (asked) => {
      const { name, verifier, size: lines } = await logOf(host, asked.log)
      const note = await ask<string | undefined>(host, 'checkpoint', asked)
      return { log: name, verifier, size: asked.size ?? lines, checkpoint: note ?? null }
    },
    raw: (asked) => ask(host, 'raw', asked),
  }),
})

async function logs(host: DoorHost): Promise<{ logs: Log[]; silent: Silent }> {
  const { values, silent } = await askExtensions<readonly Omit<Log, 'service'>[]>(host, { kind: 'audit', method: 'logs' })
  return { logs: values.flatMap(({ service, value }) => value.map((one) => ({ ...one, service }))), silent }
}

/** The one log that is meant, and the service that has it. */
async function logOf(host: DoorHost, name: string | undefined): Promise<Log> {
  const { logs: all, silent } = await logs(host)
  const meant = name === undefined ? all : all.filter((one) => one.name === name)
  const [only] = meant
  if (only !== undefined && meant.length === 1) return only
  const there = all.length === 0 ? 'no service has one' : `there are ${all.map((one) => one.name).join(', ')}`
  const away = silent.map(({ service }) => `; "${service}" did not answer`).join('')
  throw name === undefined && all.length > 1
    ? new CallError('INVALID_ARGUMENT', `Cannot tell which audit log is meant: ${there}; say which`)
    : new CallError('NOT_FOUND', `Cannot find the audit log${name === undefined ? '' : ` "${name}"`}: ${there}${away}`)
}

async function ask<T>(host: DoorHost, method: string, input: { readonly log?: string | undefined }): Promise<T> {
  const { service, name } = await logOf(host, input.log)
  return askExtension<T>(host, service, { kind: 'audit', method, input: { ...input, log: name } })
}
