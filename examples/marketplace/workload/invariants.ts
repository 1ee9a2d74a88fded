import { checkBookkeeping } from './invariants-bookkeeping.ts'
import { checkCatalogue } from './invariants-catalogue.ts'
import { checkInsight } from './invariants-insight.ts'
import { checkTransactions } from './invariants-transactions.ts'
import type { Invariant } from './finding.ts'
import { NOTHING_OBSERVED, type Facts, type Observed } from './facts.ts'

export type { Invariant }

/**
 * Everything that must hold once the marketplace is quiet. `observed` is what somebody who sent transactions
 * knows of them; without it only what the services say is held against itself.
 */
export function checkInvariants(facts: Facts, observed: Observed = NOTHING_OBSERVED): Invariant[] {
  return [
    ...checkCatalogue(facts, observed),
    ...checkBookkeeping(facts, observed),
    ...checkTransactions(facts, observed),
    ...checkInsight(facts),
  ]
}

/** One line: `✓ name — detail`. */
export function describeInvariant({ name, ok, detail }: Invariant): string {
  return `${ok ? '✓' : '✗'} ${name} — ${detail}`
}
