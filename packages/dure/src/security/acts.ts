import { CallError, type Principal } from '../contract/contract.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { createActs, createRefusals } from '../telemetry/internal.ts'
import type { Logger, RecordAct } from '../telemetry/telemetry.ts'
import { REASONS } from './refusal.ts'

/** What somebody showed to say who he is. */
type Shown = 'token' | 'api-key'

/** Tells an audit log who comes with a key for the first time, and who is refused. */
export type AccessActs = {
  /** Does what finds out who it is, and counts it when it is refused. */
  readonly watched: <T>(shown: Shown, work: () => T | Promise<T>) => T | Promise<T>
  readonly keyUsed: (digest: string, principal: Principal) => void
}

/** Keys that are known to have come. */
const MOST = 10_000

export function accessActs(options: {
  readonly record: RecordAct | undefined
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>
  readonly log: Pick<Logger, 'warn'> | undefined
}): AccessActs {
  const { record, runtime } = options
  if (record === undefined) return { watched: (_, work) => work(), keyUsed: () => {} }
  const acts = createActs(options)
  const tell = createRefusals(acts, runtime)
  const seen = new Set<string>()

  const refused = (shown: Shown, error: unknown): never => {
    if (error instanceof CallError && error.code === 'UNAUTHENTICATED') {
      // What others throw may say anything.
      const reason = REASONS.find((one) => one === error.details['reason']) ?? 'other'
      tell({ action: 'access.refused', subject: shown, reason })
    }
    throw error
  }
  return {
    watched: (shown, work) => {
      try {
        const found = work()
        return found instanceof Promise ? found.catch((error: unknown) => refused(shown, error)) : found
      } catch (error) {
        return refused(shown, error)
      }
    },
    keyUsed: (digest, { subject }) => {
      if (seen.has(digest)) return
      if (seen.size >= MOST) seen.delete(seen.values().next().value!)
      seen.add(digest)
      acts.note({ action: 'api-key.used', actor: subject, subject: digest.slice(0, 16), outcome: 'done' })
    },
  }
}
