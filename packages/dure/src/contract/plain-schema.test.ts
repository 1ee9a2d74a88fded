import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { compareDocuments, misreadings } from './internal.ts'
import { plainSchema } from './plain-schema.ts'

type Json = { readonly [keyword: string]: unknown }

/** Small numbers and few names, so that two schemas meet often. */
const small = fc.integer({ min: 0, max: 4 })
const names = fc.constantFrom('a', 'b', 'kind')
const scalars = fc.constantFrom<unknown>('a', 'b', 'kind', '', 0, 1, 3, 2.5, true, false, null, '😀😀')
const maybe = <T>(arb: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arb, { nil: undefined })
const tidy = (schema: Json): Json => JSON.parse(JSON.stringify(schema)) as Json

const { schema: schemas } = fc.letrec<{ schema: Json | boolean; leaf: Json; tree: Json }>((tie) => ({
  leaf: fc
    .oneof(
      fc.constant({}),
      fc.record({
        type: fc.constant('string'),
        minLength: maybe(small),
        maxLength: maybe(small),
        pattern: maybe(fc.constantFrom('^a', 'b$')),
      }),
      fc.record({
        type: fc.constantFrom('integer', 'number', undefined),
        minimum: maybe(small),
        maximum: maybe(small),
        exclusiveMinimum: maybe(small),
        multipleOf: maybe(fc.constantFrom(1, 2, 4)),
      }),
      fc.record({
        type: fc.constantFrom('boolean', 'null', 'array', 'object', ['string', 'null'], ['integer', 'string']),
        maxLength: maybe(small),
      }),
      fc.record({
        type: maybe(fc.constantFrom('string', 'integer', ['number', 'null'])),
        enum: fc.uniqueArray(scalars, { minLength: 1, maxLength: 3 }),
      }),
      fc.record({ const: scalars }),
    )
    .map(tidy),
  tree: fc
    .oneof(
      fc.record({
        type: fc.constantFrom('object', 'object', undefined),
        properties: maybe(fc.dictionary(names, tie('schema'), { maxKeys: 2 })),
        required: maybe(fc.uniqueArray(names, { maxLength: 2 })),
        additionalProperties: maybe(fc.oneof(fc.boolean(), tie('schema'))),
        patternProperties: maybe(fc.constantFrom({ '^a': { type: 'string' } }, { '^k': {} })),
        propertyNames: maybe(fc.constantFrom({ maxLength: 1 }, { enum: ['a', 'b'] })),
        minProperties: maybe(small),
      }),
      fc.record({
        type: fc.constantFrom('array', 'array', undefined),
        items: maybe(tie('schema')),
        prefixItems: maybe(fc.array(tie('schema'), { minLength: 1, maxLength: 2 })),
        minItems: maybe(small),
        maxItems: maybe(small),
        uniqueItems: maybe(fc.boolean()),
      }),
      fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
      fc.record({ oneOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ allOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
      fc.record({
        anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
        type: fc.constant('object'),
        properties: fc.dictionary(names, tie('schema'), { maxKeys: 1 }),
      }),
      fc.record({ not: tie('schema') }),
      fc.record({ if: tie('schema'), else: tie('schema') }),
      fc.record({ $ref: fc.constantFrom('#/$defs/x', '#'), minimum: maybe(small) }),
    )
    .map(tidy),
  schema: fc.oneof(
    { maxDepth: 3 },
    { arbitrary: tie('leaf') as fc.Arbitrary<Json | boolean>, weight: 3 },
    { arbitrary: tie('tree'), weight: 3 },
    fc.boolean(),
  ),
}))
const documents: fc.Arbitrary<Json> = fc
  .tuple(schemas, schemas)
  .map(([root, x]) => ({ ...(typeof root === 'boolean' ? (root ? {} : { not: {} }) : root), $defs: { x } }))

/** Values as a writer makes them: from few pieces, so that they often are of a schema. */
const { value: values } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalars,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(names, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}))

const ajv = new Ajv2020({ strict: false, validateFormats: false })
const judge = (schema: Json): ((value: unknown) => boolean) => ajv.compile({ ...schema, $id: undefined }) as never

/** Whether a writer of a schema writes it: only what the schema names, or says that more may come. */
function isWritten(schema: Json): (value: unknown) => boolean {
  // What nobody names is refused: as the writer reads its own schema.
  const [open, closed] = [judge(schema), judge(close(schema))]
  return (value) => open(value) && closed(value)
}
function close(schema: Json, outermost: boolean = true): Json {
  const inside = (value: unknown, outer: boolean): unknown =>
    Array.isArray(value) ? value.map((each) => inside(each, outer)) : isObject(value) ? close(value as Json, outer) : value
  const entries = Object.entries(schema).map(([key, value]): [string, unknown] => {
    if (['enum', 'const', 'required', 'not', 'if', 'else', 'propertyNames', 'type'].includes(key)) return [key, value]
    if (['properties', '$defs', 'patternProperties'].includes(key) && isObject(value))
      return [key, Object.fromEntries(Object.entries(value as Json).map(([name, part]) => [name, inside(part, key !== '$defs')]))]
    return [key, inside(value, !['anyOf', 'oneOf', 'allOf'].includes(key))]
  })
  const made = Object.fromEntries(entries)
  const isNamed = /"properties":|"type":"object"|"\$ref":/.test(JSON.stringify({ ...schema, $defs: undefined }))
  return outermost && isNamed ? { ...made, unevaluatedProperties: false } : made
}
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)

test('what is judged to be read is valid under the schema that reads it (Ajv judges)', () => {
  let fitting = 0
  let written = 0
  fc.assert(
    fc.property(
      documents,
      documents,
      fc.array(values, { minLength: 20, maxLength: 20 }),
      fc.integer({ min: 0, max: 4 }),
      (writer, other, all, one) => {
        const reader = one === 0 ? writer : other
        if (misreadings(writer, reader).length > 0) return
        let read: (value: unknown) => boolean
        let writes: (value: unknown) => boolean
        try {
          ;[read, writes] = [judge(reader), isWritten(writer)]
        } catch {
          // Of references in a circle Ajv makes nothing.
          return
        }
        fitting++
        for (const value of all) {
          const isOurs = safely(() => writes(value))
          if (isOurs !== true) continue
          written++
          if (safely(() => read(value)) === false) assert.fail(`${JSON.stringify(value)} is written and not read`)
        }
      },
    ),
    { numRuns: 1_500 },
  )
  assert.ok(fitting > 100 && written > 200, `${fitting} pairs fit, ${written} values were written`)
})

/** A schema that refers to itself alone has no end. */
function safely(ask: () => boolean): boolean | undefined {
  try {
    return ask()
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

test('each schema reads what it writes', () => {
  fc.assert(
    fc.property(documents, (document) => {
      if (typeof plainSchema(document)['x-dure-opaque'] === 'object') return
      assert.deepEqual(misreadings(document, structuredClone(document)), [])
    }),
    { numRuns: 2_000 },
  )
})

test('a change is told with its place, in words', () => {
  const order = (properties: Json, required: readonly string[] = []): Json => ({ type: 'object', properties, required })
  const before = order({ id: { type: 'string' }, count: { type: 'integer' } }, ['id'])
  assert.deepEqual(misreadings(before, order({ id: { type: 'string' }, note: { type: 'string' } })), [])
  assert.deepEqual(misreadings(before, order({ count: { type: 'string' } })), [
    '"count" is written as integer, and read as string',
  ])
  assert.deepEqual(misreadings(before, order({ at: {} }, ['at'])), ['"at" is required, and never written'])
  assert.deepEqual(misreadings(before, { ...order({ id: {} }), additionalProperties: false }), [
    '"count" is written, and refused',
    '"{}" is written, and refused',
  ])
  assert.deepEqual(
    compareDocuments('order', before, order({ id: { type: 'string' } }, ['id'])).map(({ level, where, message }) => [
      level,
      where,
      message,
    ]),
    [['notice', 'order at count', 'is never there any more (it was optional)']],
  )
  assert.deepEqual(
    compareDocuments('order', before, order({ id: { type: 'integer' }, count: { type: 'integer' } }, ['id'])).map(
      ({ breaks }) => breaks,
    ),
    ['subscribers', 'history'],
  )
})

test('draft 7 and 2020-12 say the same of tuples and definitions', () => {
  const seven = {
    items: [{ type: 'string' }, { $ref: '#/definitions/n' }],
    additionalItems: false,
    definitions: { n: { type: 'integer' } },
  }
  const now = { prefixItems: [{ type: 'string' }, { $ref: '#/$defs/n' }], items: false, $defs: { n: { type: 'integer' } } }
  assert.deepEqual([misreadings(seven, now), misreadings(now, seven)], [[], []])
  assert.notDeepEqual(misreadings({ ...now, items: {} }, seven), [])
})

test('what cannot be said in types fits itself alone, with the same definitions', () => {
  const conditional = (n: string): Json => ({ if: { $ref: '#/$defs/n' }, else: false, $defs: { n: { type: n } } })
  assert.deepEqual(misreadings(conditional('string'), conditional('string')), [])
  assert.notDeepEqual(misreadings(conditional('string'), conditional('integer')), [])
  assert.throws(() => plainSchema({ $ref: 'https://example.com/other.json' }), /leads nowhere in the schema/)
})

test('alternatives of alternatives end', () => {
  const nested = (depth: number): Json =>
    depth === 0
      ? { type: 'string' }
      : {
          anyOf: [1, 2, 3, 4].map((n) => ({ type: 'object', properties: { [`p${n}`]: nested(depth - 1) }, required: [`p${n}`] })),
        }
  assert.match(misreadings(nested(6), { ...nested(6), minProperties: 1 })[0]!, /too many alternatives|minProperties|properties/)
})
