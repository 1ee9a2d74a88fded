import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPlacement, type CheckPlacementOptions } from './check.ts'
import { describeReport } from './report.ts'

/**
 * `checkPlacement` as a test of `node:test`, with one test inside for each service: fails with the report.
 *
 * @example
 * ```ts
 * import { placements, placementSuite } from '@dure/testing'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { zone: query({ output: z.string() }) } })
 * const time = system('time', { services: [service(Clock, { handlers: { zone: () => 'UTC' } })] })
 * // In a test file of your own, for `node --test`:
 * export const suite = () => placementSuite({ system: time, placements: [placements.tcp], runs: 2 })
 * ```
 */
export function placementSuite(options: CheckPlacementOptions): void {
  void test('placement does not change behaviour', async (context) => {
    const report = await checkPlacement(options)
    for (const { service, operations } of report.services)
      await context.test(service, () => {
        const only = { ...report, services: [{ service, operations }] }
        assert.ok(
          operations.every((row) => row.findings.length === 0),
          describeReport({ ...only, ok: false }),
        )
      })
  })
}
