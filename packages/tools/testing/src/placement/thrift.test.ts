import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contract, command, error, query } from 'dure/contract'
import { service, system } from 'dure/service'
import { z } from 'zod'
import { checkPlacement, describeReport, placements } from './placement.ts'

const Sold = error('SOLD', { data: z.object({ id: z.string(), at: z.date().nullable(), left: z.bigint() }) })
const Line = z.object({ sku: z.string(), count: z.int().min(0), note: z.string().nullable().optional() })
const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    find: query({
      input: z.object({ at: z.date().nullable(), tags: z.array(z.string()).default([]), more: z.unknown() }),
      output: z.object({ at: z.date().nullable(), tags: z.array(z.string()), more: z.unknown() }).nullable(),
      scope: 'shop:read',
      deadline: 120_000,
    }),
    put: command({
      input: z.object({
        lines: z.array(Line),
        by: z.map(z.string(), z.union([z.string(), z.boolean(), Line])),
        pair: z.tuple([z.int(), z.bigint()]),
      }),
      output: z.object({ size: z.int(), lines: z.array(Line), by: z.map(z.string(), z.union([z.string(), z.boolean(), Line])) }),
      errors: { Sold },
      deadline: 120_000,
    }),
    total: query({ output: z.int(), deadline: 120_000 }),
  },
})

const shop = () => {
  let total = 0
  return system('shop', {
    services: [
      service(Shop, {
        handlers: {
          find: (input) => (input.tags.length === 1 ? null : input),
          put: ({ lines, by, pair }) => {
            total += lines.length
            if (lines.length > 3)
              throw Sold({ id: lines[0]!.sku, at: lines[1]!.count > 5 ? null : new Date(total), left: pair[1] })
            if (lines.length === 0) throw new TypeError('secret')
            return { size: lines.length, lines, by }
          },
          total: () => total,
        },
      }),
    ],
  })
}

test('over Thrift operations answer as they do together', async () => {
  const report = await checkPlacement({ system: shop, placements: [placements.thrift], runs: 20 })
  assert.ok(report.ok, describeReport(report))
  assert.deepEqual(report.placements, ['together', 'over Thrift'])
  for (const { operation, answered } of report.services[0]!.operations) assert.ok(answered > 0, operation)
})
