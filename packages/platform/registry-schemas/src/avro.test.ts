import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { avro, avroType } from './avro.ts'

const primitive = fc.constantFrom('null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string')
const { type: types } = fc.letrec<{ type: unknown; record: object }>((tie) => ({
  record: fc
    .uniqueArray(fc.record({ name: fc.constantFrom('a', 'b', 'c'), type: tie('type'), byDefault: fc.boolean() }), {
      selector: ({ name }) => name,
      maxLength: 3,
    })
    .map((fields) => ({
      type: 'record',
      name: 'R',
      fields: fields.map(({ name, type, byDefault }) =>
        byDefault
          ? { name, type: ['null', ...(type === 'null' || Array.isArray(type) ? [] : [type])], default: null }
          : { name, type },
      ),
    })),
  type: fc.oneof(
    { maxDepth: 2 },
    primitive,
    fc.record({ type: fc.constant('array'), items: primitive }),
    fc.record({ type: fc.constant('map'), values: primitive }),
    fc.record({
      type: fc.constant('enum'),
      name: fc.constant('E'),
      symbols: fc.uniqueArray(fc.constantFrom('A', 'B', 'C'), { minLength: 1 }),
    }),
    fc.uniqueArray(primitive, { minLength: 1, maxLength: 3 }),
    tie('record') as fc.Arbitrary<unknown>,
  ),
}))

test('what is judged to be read, avsc reads: binary data of one schema, in the other', () => {
  let fitting = 0
  fc.assert(
    fc.property(types, types, fc.boolean(), (a, b, same) => {
      const [writer, reader] = [JSON.stringify(a), JSON.stringify(same ? a : b)]
      try {
        avroType(writer)
        avroType(reader)
      } catch {
        // Two records of one name inside each other.
        return
      }
      if (avro.misreadings(writer, reader).length > 0) return
      fitting++
      const [from, to] = [avroType(writer), avroType(reader)]
      const resolver = to.createResolver(from, { ignoreNamespaces: true })
      for (let at = 0; at < 5; at++) assert.ok(to.isValid(to.fromBuffer(from.toBuffer(from.random()), resolver)))
    }),
    { numRuns: 3_000 },
  )
  assert.ok(fitting > 500, `${fitting}`)
})

test('one schema is one, however it is written', () => {
  const a = '{"type":"record","name":"R","fields":[{"name":"x","type":{"type":"string"},"default":"{\\"type\\":\\"int\\"}"}]}'
  const b = '{"name":"R","fields":[{"default":"{\\"type\\":\\"int\\"}","type":"string","name":"x"}],"type":"record"}'
  assert.equal(avro.identity(a), avro.identity(b))
  assert.notEqual(avro.identity(a), avro.identity(b.replace('"string"', '"bytes"')))
  assert.notEqual(avro.identity(a), avro.identity(b.replace('int', 'long')))
  assert.deepEqual(
    avro.misreadings('{"type":"record","name":"x.R","fields":[]}', '{"type":"record","name":"y.R","fields":[]}'),
    [],
  )
})
