import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { event, PERSONAL, SECRET, type Message } from '../contract/contract.ts'
import { messageAttributes } from './internal.ts'

const message = (key: string, data: unknown): Message => ({
  ...{ id: 'm', source: 'customers', type: 'customer.registered', key, time: 0, schemaVersion: 1 },
  ...{
    correlationId: 'c',
    causationId: 'before',
    traceparent: undefined,
    data: typeof data === 'string' ? data : JSON.stringify(data),
  },
})
const schema = z.object({ id: z.string(), email: z.string().meta(PERSONAL), token: z.string().meta(SECRET) })
const Registered = event('customer.registered', { schema, key: ({ email }) => email })
const Plain = event('customer.registered', { schema: z.object({ id: z.string() }), key: ({ id }) => id })

const keyOf = (key: string, data: unknown, of: typeof Registered | typeof Plain | undefined): unknown => {
  const { 'dure.message.key': clear, 'dure.message.key_hash': hash } = messageAttributes(message(key, data), of)
  return clear ?? (typeof hash === 'string' && /^[0-9a-f]{16}$/.test(hash) ? 'hashed' : hash)
}

test('a key is said, unless it holds what is marked as personal or secret: then it can be told from others alone', () => {
  const data = { id: '7', email: 'ada@example.com', token: 'abc' }
  assert.equal(keyOf('7', data, Plain), '7')
  assert.equal(keyOf('7', data, Registered), '7')
  for (const key of [data.email, `shop/${data.email}`, data.token, 'ab']) {
    const marked = { ...data, ...(key === 'ab' && { token: 'ab' }) }
    assert.equal(keyOf(key, marked, Registered), 'hashed', key)
  }
  assert.equal(keyOf('7', 'no JSON', Registered), 'hashed')
  assert.equal(keyOf('7', data, undefined), undefined)
  assert.equal(keyOf('', data, Plain), undefined)
  const [one, same, other] = [data.email, data.email, 'bob@example.com'].map(
    (email) => messageAttributes(message(email, { ...data, email }), Registered)['dure.message.key_hash'],
  )
  assert.equal(one, same)
  assert.notEqual(one, other)
})

test('conversation and cause are said by the names of the conventions', () => {
  assert.deepEqual(messageAttributes(message('', {})), {
    'messaging.message.id': 'm',
    'messaging.message.conversation_id': 'c',
    'dure.causation_id': 'before',
  })
})
