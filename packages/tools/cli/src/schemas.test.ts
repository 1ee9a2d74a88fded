import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startSchemaRegistry } from '@dure/registry-schemas'
import { silentLogger } from 'dure/telemetry'
import { dure, temporary } from './shell.test-support.ts'

test('dure schemas: lists, shows, checks and registers', async (t) => {
  const cwd = temporary()
  const { url, stop } = await startSchemaRegistry({ directory: temporary(), port: 0, log: silentLogger() })
  t.after(stop)
  const schemas = (...words: readonly string[]): ReturnType<typeof dure> =>
    dure(['schemas', ...words, '--registry', url], { cwd: import.meta.dirname })
  const file = (name: string, value: unknown): string => {
    writeFileSync(join(cwd, name), JSON.stringify(value))
    return join(cwd, name)
  }
  const first = file('order.json', { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] })
  const worse = file('worse.json', { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] })
  const avro = file('order.avsc', 'string')

  assert.deepEqual(await schemas('list'), { code: 0, out: 'It has no schemas\n', err: '' })
  assert.deepEqual(await schemas('register', 'order-value', first), { code: 0, out: '1\n', err: '' })
  assert.equal((await schemas('register', 'avro-value', avro)).out, '2\n')
  assert.equal((await schemas('list')).out, 'SUBJECT      VERSIONS\navro-value   1\norder-value  1\n')
  assert.match((await schemas('show', 'order-value')).out, /^\{\n {2}"type": "object",/)
  assert.equal((await schemas('check', 'order-value', first)).out, 'Compatible\n')
  const refused = await schemas('check', 'order-value', worse)
  assert.equal(refused.code, 1)
  assert.equal(refused.out, 'Not compatible:\n  does not read version 1: "id" is written as string, and read as integer\n')
  assert.match(
    (await schemas('register', 'order-value', worse)).err,
    /^The schema registry says: Schema being registered is incompatible/,
  )
  assert.match((await schemas('show', 'nothing')).err, /Subject 'nothing' not found/)
  assert.equal((await schemas('check', 'order-value', 'gone.json')).code, 2)
  await stop()
  assert.match(
    (await schemas('list')).err,
    /^Cannot ask the schema registry at http:\/\/127\.0\.0\.1:\d+: the connection was refused; start it, or give its address with --registry/,
  )
})
