import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contract, query } from 'dure/contract'
import { z } from 'zod'
import { listingOf } from './control/control.ts'
import { describeSystem } from './listing.ts'

test('a list says of each operation who may call it', () => {
  const authorize = () => true
  const Orders = contract('orders', {
    version: '1.0.0',
    owner: 'tests',
    operations: {
      prices: query({ access: 'public' }),
      me: query({ access: 'authenticated' }),
      find: query({ scope: 'orders:read' }),
      report: query({ roles: ['support', 'auditor'] }),
      mine: query({ input: z.string(), scope: 'orders:read', roles: ['buyer'], authorize }),
    },
  })
  const listing = listingOf('shop', [Orders])
  const lines = describeSystem(listing, { columns: 200, color: false }).split('\n')
  assert.deepEqual(
    lines.filter((line) => line.includes('query')).map((line) => line.trim().replaceAll(/\s+/g, ' ')),
    [
      'prices query',
      'me query needs a caller who says who it is',
      'find query needs orders:read',
      'report query needs role support or auditor',
      'mine query needs orders:read and role buyer and what the caller may do with its input',
    ],
  )
  const [prices, , , , mine] = listing.services[0]!.operations
  assert.deepEqual(
    [prices!.access, prices!.authorize, mine!.access, mine!.roles, mine!.authorize],
    [...(['public', false, 'authenticated', ['buyer'], true] as const)],
  )
})
