import { inspect } from 'node:util'
import { wireOf } from 'dure/contract/internal'
import { z } from 'zod'
import type { PlacementReport } from './check.ts'

const values = wireOf(z.unknown(), 'input')

/**
 * A report for programs, as JSON can hold it. Values that JSON has no word for are tagged as in messages
 * (`{"$dure":"date","value":"…"}`); what cannot travel at all is given as text: `{"$text":"[Function: f]"}`.
 *
 * @example
 * ```ts
 * import { checkPlacement, placements, reportAsJson } from '@dure/testing'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { zone: query({ output: z.string() }) } })
 * const time = system('time', { services: [service(Clock, { handlers: { zone: () => 'UTC' } })] })
 * const report = await checkPlacement({ system: time, placements: [placements.tcp], runs: 2 })
 * console.log(JSON.stringify(reportAsJson(report)).includes('"ok":true')) // → true
 * ```
 */
export function reportAsJson(report: PlacementReport): unknown {
  return {
    ...report,
    services: report.services.map((service) => ({
      ...service,
      operations: service.operations.map((row) => ({ ...row, findings: row.findings.map(shown) })),
    })),
  }
}

/** Every field by itself, so that one that cannot travel leaves the others as they are. */
function shown(value: object): unknown {
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, jsonOf(part, 4)]))
}

function jsonOf(value: unknown, deeper: number): unknown {
  try {
    return values.toJson(value)
  } catch {
    if (Array.isArray(value) && deeper > 0) return value.map((part) => jsonOf(part, deeper - 1))
    if (isPlain(value) && deeper > 0)
      return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, jsonOf(part, deeper - 1)]))
    return { $text: inspect(value) }
  }
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
