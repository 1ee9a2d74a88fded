import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError, command, contract, error, query, stream } from 'dure/contract'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'
import { checkPlacement, describeReport, placements } from './placement.ts'

const Sold = error('SOLD', { data: z.object({ id: z.string(), at: z.date(), left: z.bigint() }) })
// On a busy machine a call may take longer than usual, and that is no difference.
const deadline = 120_000
const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    find: query({
      input: z.object({
        id: z.string(),
        at: z.date().optional(),
        big: z.bigint().optional(),
        tags: z.array(z.string()).default([]),
      }),
      output: z.object({ id: z.string(), at: z.date().optional(), big: z.bigint().optional(), tags: z.array(z.string()) }),
      scope: 'shop:read',
      ...{ http: 'GET /items/{id}', deadline },
    }),
    put: command({
      input: z.object({
        id: z.string(),
        lines: z.array(z.object({ sku: z.string(), count: z.int().min(0) })),
        more: z.unknown(),
      }),
      output: z.object({ size: z.int() }),
      errors: { Sold },
      ...{ http: { routes: 'POST /items/{id}/lines', status: 201 }, deadline },
    }),
    total: query({ output: z.int(), http: 'GET /total', deadline }),
    watch: stream({
      input: z.object({ to: z.int().min(0).max(5) }),
      output: z.object({ n: z.int(), at: z.date() }),
      ...{ http: 'GET /watch', deadline },
    }),
    hidden: query({ input: z.map(z.string(), z.int()), output: z.map(z.string(), z.int()) }),
  },
})

const shop = (put: (id: string) => void): System => {
  let total = 0
  return system('shop', {
    services: [
      service(Shop, {
        handlers: {
          find: (input) => input,
          put: ({ id, lines }) => {
            put(id)
            total += lines.length
            if (lines.length > 3) throw Sold({ id, at: new Date(total), left: 2n ** 70n })
            if (lines.length === 0) throw new TypeError('secret')
            return { size: lines.length }
          },
          total: () => total,
          watch: async function* ({ to }) {
            for (let n = 0; n < to; n++) yield { n, at: new Date(n) }
            if (to === 4) throw Sold({ id: 'w', at: new Date(0), left: 0n })
          },
          hidden: (input) => input,
        },
      }),
    ],
  })
}

test('over HTTP operations answer as they do together', async () => {
  const report = await checkPlacement({ system: () => shop(() => {}), placements: [placements.http], runs: 20 })
  assert.ok(report.ok, describeReport(report))
  assert.deepEqual(report.placements, ['together', 'over HTTP'])
  for (const { operation, answered } of report.services[0]!.operations) assert.ok(answered > 0, operation)
})

test('what HTTP does not carry is found: details of an error', async () => {
  const fails = (id: string): never => {
    throw new CallError('FAILED_PRECONDITION', `No ${id.length}`, { details: { size: id.length } })
  }
  const report = await checkPlacement({ system: () => shop(fails), placements: [placements.http], runs: 10, attempts: 20 })
  assert.ok(!report.ok)
  const found = report.services[0]!.operations.filter(({ findings }) => findings.length > 0)
  assert.deepEqual(
    found.map(({ operation }) => operation),
    ['put'],
  )
  assert.match(describeReport(report), /details/)
})
