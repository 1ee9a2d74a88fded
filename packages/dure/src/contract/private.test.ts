import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { PERSONAL, SECRET, type AnySchema } from './contract.ts'
import { privateFieldsOf, withoutValues, wireOf } from './internal.ts'

const fieldsOf = (schema: AnySchema) => privateFieldsOf(schema, 'output')!
const email = z.string().meta(PERSONAL)

const schemas: Readonly<Record<string, { readonly schema: AnySchema; readonly json: unknown; readonly shown: unknown }>> = {
  'a field': {
    schema: z.object({ id: z.string(), email }),
    json: { id: '1', email: 'a@b' },
    shown: { id: '1', email: '[personal]' },
  },
  'a secret': { schema: z.object({ pin: z.int().meta(SECRET) }), json: { pin: 1234 }, shown: { pin: '[secret]' } },
  'a whole object': {
    schema: z.object({ to: z.object({ street: z.string() }).meta(PERSONAL) }),
    json: { to: { street: 'S' } },
    shown: { to: '[personal]' },
  },
  'what may be absent, null or a default': {
    schema: z.object({
      a: email.optional(),
      b: email.nullable(),
      c: email.default('x'),
      d: email.nullable(),
      e: email.optional(),
    }),
    json: { a: 'aaa', b: 'bbb', c: 'ccc', d: null },
    shown: { a: '[personal]', b: '[personal]', c: '[personal]', d: null },
  },
  'a mark before a bound': { schema: z.object({ a: email.min(1) }), json: { a: 'aaa' }, shown: { a: '[personal]' } },
  'a literal among alternatives': {
    schema: z.object({ a: z.enum(['red', 'blue']).meta(PERSONAL).nullable() }),
    json: { a: 'red' },
    shown: { a: '[personal]' },
  },
  'lists and tuples': {
    schema: z.object({ all: z.array(z.object({ email })), pair: z.tuple([z.string(), email]) }),
    json: { all: [{ email: 'a' }, { email: 'b' }], pair: ['p', 'q'] },
    shown: { all: [{ email: '[personal]' }, { email: '[personal]' }], pair: ['p', '[personal]'] },
  },
  'keys that are not named': {
    schema: z.object({ open: z.record(z.string(), email) }),
    json: { open: { any: 'a' } },
    shown: { open: { any: '[personal]' } },
  },
  'maps and sets, in JSON': {
    schema: z.object({ map: z.map(z.string(), z.object({ email })), set: z.set(email) }),
    json: { map: [['k', { email: 'a' }]], set: ['b'] },
    shown: { map: [['k', { email: '[personal]' }]], set: ['[personal]'] },
  },
  alternatives: {
    schema: z.discriminatedUnion('is', [
      z.object({ is: z.literal('a'), v: email }),
      z.object({ is: z.literal('b'), w: z.string() }),
    ]),
    json: { is: 'a', v: 'x' },
    shown: { is: 'a', v: '[personal]' },
  },
}

for (const [title, { schema, json, shown }] of Object.entries(schemas)) {
  test(`takes out ${title}, and puts it back where nobody changed it`, () => {
    const fields = fieldsOf(schema)
    assert.deepEqual(fields.redact(json), shown)
    assert.deepEqual(fields.restore(shown, json), json)
  })
}

test('a schema that refers to itself, and one that is used in two places', () => {
  const Person = z.object({
    email,
    get friends() {
      return z.array(Person)
    },
  })
  const json = { email: 'a', friends: [{ email: 'b', friends: [] }] }
  assert.deepEqual(fieldsOf(Person).redact(json), {
    email: '[personal]',
    friends: [{ email: '[personal]', friends: [] }],
  })
  const Named = z.string().meta({ ...PERSONAL, id: 'Named' })
  assert.deepEqual(fieldsOf(z.object({ a: Named, b: z.array(Named) })).redact({ a: 'x', b: ['y'] }), {
    a: '[personal]',
    b: ['[personal]'],
  })
})

test('alternatives that JSON cannot tell apart are tagged, and are looked into', () => {
  const schema = z.object({ either: z.union([z.map(z.string(), email), z.array(z.string())]) })
  const json = wireOf(schema, 'output').toJson({ either: new Map([['k', 'ann@example.org']]) })
  assert.ok(!JSON.stringify(fieldsOf(schema).redact(json)).includes('ann'))
})

test('a schema without marks costs nothing, and what is not marked is shared', () => {
  assert.equal(privateFieldsOf(z.object({ a: z.string() }), 'output'), undefined)
  const json = { kept: { deep: [1, 2] }, email: 'a' }
  const shown = fieldsOf(z.object({ kept: z.object({ deep: z.array(z.int()) }), email })).redact(json) as typeof json
  assert.equal(shown.kept, json.kept)
})

test('somebody who edits around a hidden value changes the rest only', () => {
  const fields = fieldsOf(z.object({ name: email, total: z.int() }))
  assert.deepEqual(fields.restore({ name: '[personal]', total: 2 }, { name: 'Sori', total: 1 }), { name: 'Sori', total: 2 })
  assert.deepEqual(fields.restore({ name: 'Dami', total: 2 }, { name: 'Sori', total: 1 }), { name: 'Dami', total: 2 })
})

test('values are found in texts, the longest first; short ones are left, as they are found everywhere', () => {
  const found = fieldsOf(z.object({ email, more: z.array(email) })).values({ email: 'ann', more: ['ann@example.org', 'x'] })
  assert.equal(withoutValues('No such person: ann@example.org (ann, x)', found), 'No such person: [personal] ([personal], x)')
})

test('property: no marked text is in what is left, and what is left can be made whole again', () => {
  const text = fc.string({ minLength: 1 }).map((word) => `private ${word}`)
  const json = fc.record({
    id: fc.string(),
    all: fc.array(fc.record({ email: text, n: fc.integer() })),
    open: fc.dictionary(fc.string(), text),
  })
  const fields = fieldsOf(
    z.object({ id: z.string(), all: z.array(z.object({ email, n: z.int() })), open: z.record(z.string(), email) }),
  )
  fc.assert(
    fc.property(json, (made) => {
      const value: unknown = JSON.parse(JSON.stringify(made))
      const shown = fields.redact(value)
      assert.ok(!JSON.stringify({ ...(shown as object), id: '' }).includes('private '))
      assert.deepEqual(fields.restore(shown, value), value)
    }),
  )
})

test('names of marked fields, wherever they are', () => {
  const schema = z.object({ user: z.object({ email, password: z.string().meta(SECRET) }), id: z.string() })
  assert.deepEqual(
    [...fieldsOf(schema).names],
    [
      ['email', 'personal'],
      ['password', 'secret'],
    ],
  )
})
