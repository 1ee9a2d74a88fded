import { command, contract } from 'dure/contract'
import { z } from 'zod'
import { operatorPart, type OperatorPart } from '../part.ts'

const Sessions = contract('sessions', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Sessions of users',
  operations: {
    end: command({
      input: z.object({ subject: z.string().min(1).describe('whose') }),
      description: 'Ends all sessions of a subject: they have to log in again, everywhere',
    }),
  },
})

/**
 * Sessions of a system, for whoever runs it: who made them has to hand them in.
 *
 * @example
 * ```ts
 * import { sessionsPart } from '@dure/operator'
 * import { createSessions, sqliteSessions } from 'dure/session'
 * import { z } from 'zod'
 *
 * const store = sqliteSessions({ directory: '.dure' })
 * const part = sessionsPart(createSessions({ store, schema: z.object({}) })) // control({ parts: [part] })
 * console.log(part.contract.name) // → sessions
 * await store.stop()
 * ```
 */
export function sessionsPart(sessions: {
  /** Writes it to the audit itself, where it was made with `record`. */
  readonly endAll: (subject: string, by?: string) => Promise<void>
}): OperatorPart {
  return operatorPart({
    contract: Sessions,
    // Nobody stays logged in because the audit log is away.
    rules: { end: { reason: true, urgent: true, act: ({ subject }) => ({ subject }) } },
    answer: () => ({ end: ({ subject }, { name }) => sessions.endAll(subject, name) }),
  })
}
