import { inspect } from 'node:util'
import type { PlacementReport } from './check.ts'

/**
 * A report for programs, as JSON can hold it. What JSON has no word for is given as text: `{"$text":"[Function: f]"}`.
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
      operations: service.operations.map((row) => ({ ...row, findings: row.findings.map((found) => jsonOf(found)) })),
    })),
  }
}

function jsonOf(value: unknown, depth: number = 0): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return value
  if (depth < DEEPEST && Array.isArray(value)) return value.map((part) => jsonOf(part, depth + 1))
  if (depth < DEEPEST && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype)
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, jsonOf(part, depth + 1)]))
  return { $text: inspect(value) }
}

/** Containers inside containers; what is deeper is a text. */
const DEEPEST = 20
