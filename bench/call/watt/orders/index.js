import fastify from 'fastify'
import { place } from '../../work.ts'

const line = {
  type: 'object',
  required: ['productId', 'quantity', 'unitPrice'],
  properties: { productId: { type: 'integer' }, quantity: { type: 'integer' }, unitPrice: { type: 'number' } },
}
const body = {
  type: 'object',
  required: ['orderId', 'customerId', 'lines'],
  properties: {
    orderId: { type: 'string' },
    customerId: { type: 'integer' },
    lines: { type: 'array', minItems: 1, items: line },
  },
}
const answer = { type: 'object', properties: { orderId: { type: 'string' }, total: { type: 'number' } } }

/** Orders as a Watt application. */
export function create() {
  const app = fastify()
  app.post('/place', { schema: { body, response: { 200: answer } } }, ({ body: order }) => place(order))
  return app
}
