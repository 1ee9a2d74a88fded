/** A shop without a store, so that releases of it can stand side by side. */
import { rest } from '@dure/rest'
import { contract, query } from 'dure/contract'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'

const Prices = contract('prices', {
  version: '1.0.0',
  owner: 'bench',
  operations: { all: query({ output: z.object({ release: z.string() }), http: 'GET /prices' }) },
})
const prices = service(Prices, { handlers: { all: () => ({ release: process.env['RELEASE'] ?? '' }) } })

const shop: System = system('shop', { services: [prices], doors: [rest()] })
export default shop
