import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import fc from 'fast-check'
import { asyncapi, command, contract, event, openapi, type AnyContract } from 'dure/contract'
import { parserOf, shown, wireOf } from 'dure/contract/internal'
import { z } from 'zod'
import { rest } from './rest.ts'
import { ask, testHost } from './rest.test-support.ts'

/** A schema, JSON that it may take, and the values behind it. */
type Drawn = { readonly schema: z.ZodType; readonly json: fc.Arbitrary<unknown> }
const leaf = (schema: z.ZodType, json: fc.Arbitrary<unknown>): fc.Arbitrary<Drawn> => fc.constant({ schema, json })

// No formats that Zod and JSON Schema read differently, and no characters that they count differently.
const word = fc.string({ maxLength: 6 })
const moment = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((date) => date.toISOString())
const leaves = fc.oneof(
  leaf(z.string(), word),
  leaf(z.string().min(2).max(4), word),
  leaf(z.string().regex(/^[a-z]*$/), word),
  leaf(z.number(), fc.double({ noNaN: true, noDefaultInfinity: true })),
  leaf(z.int().min(-3).max(3), fc.integer({ min: -4, max: 4 })),
  leaf(z.int(), fc.oneof(fc.integer(), fc.constantFrom(2 ** 53, 1.5))),
  leaf(z.boolean(), fc.boolean()),
  leaf(z.null(), fc.constant(null)),
  leaf(z.enum(['a', 'b']), fc.constantFrom('a', 'b', 'c')),
  leaf(z.literal(['x', 1, true]), fc.constantFrom('x', 1, true, 'true')),
  leaf(z.date(), moment),
  leaf(z.bigint(), fc.bigInt().map(String)),
  leaf(z.instanceof(Uint8Array), fc.oneof(fc.base64String({ maxLength: 8 }), word)),
  leaf(z.undefined(), fc.constant(null)),
)

const { drawn } = fc.letrec<{ drawn: Drawn }>((tie) => ({
  drawn: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaves,
    tie('drawn').map(({ schema, json }) => ({ schema: z.array(there(schema)).max(3), json: fc.array(json, { maxLength: 4 }) })),
    tie('drawn').map(({ schema, json }) => ({ schema: schema.nullable(), json: fc.option(json) })),
    tie('drawn').map(({ schema, json }) => ({ schema: schema.optional(), json })),
    tie('drawn').map(({ schema, json }) => ({
      schema: z.record(z.string(), there(schema)),
      json: fc.dictionary(fc.constantFrom('a', 'constructor', 'x y'), json, { maxKeys: 3 }),
    })),
    fc.tuple(tie('drawn'), tie('drawn')).map(([key, value]) => ({
      schema: z.map(there(key.schema), there(value.schema)),
      json: fc.array(fc.tuple(key.json, value.json), { maxLength: 3 }),
    })),
    tie('drawn').map(({ schema, json }) => ({ schema: z.set(there(schema)), json: fc.array(json, { maxLength: 3 }) })),
    fc.tuple(tie('drawn'), tie('drawn')).map(([a, b]) => ({
      schema: z.tuple([there(a.schema), there(b.schema)]),
      json: fc.oneof(fc.tuple(a.json, b.json), fc.tuple(a.json)),
    })),
    fc.tuple(tie('drawn'), tie('drawn')).map(([a, b]) => ({
      schema: z.discriminatedUnion('is', [
        z.object({ is: z.literal('a'), x: a.schema }),
        z.strictObject({ is: z.literal('b'), y: b.schema }),
      ]),
      json: fc.record({ is: fc.constantFrom('a', 'b', 'c'), x: a.json, y: b.json }, { requiredKeys: ['is'] }),
    })),
    fc.tuple(tie('drawn'), tie('drawn')).map(([a, b]) => ({
      schema: z.union([there(a.schema), there(b.schema)]),
      json: fc.oneof(a.json, b.json),
    })),
    fc.tuple(tie('drawn'), tie('drawn')).map(([a, b]) => ({
      schema: z.union([z.object({ x: a.schema }), z.object({ x: b.schema, y: z.int() })]),
      json: fc.record({ x: fc.oneof(a.json, b.json), y: fc.integer() }, { requiredKeys: ['x'] }),
    })),
    fc.tuple(tie('drawn'), tie('drawn')).map(([a, b]) => ({
      schema: z.intersection(z.object({ a: a.schema }), z.object({ b: b.schema })),
      json: fc.record({ a: a.json, b: b.json, c: fc.constant(1) }, { requiredKeys: [] }),
    })),
    fc.tuple(tie('drawn'), tie('drawn'), fc.boolean()).map(([a, b, loose]) => ({
      schema: (loose ? z.looseObject : z.object)({ a: a.schema, constructor: b.schema }),
      json: fc.record({ a: a.json, constructor: b.json, c: fc.constant(1) }, { requiredKeys: [] }),
    })),
  ),
}))

/** In lists, `undefined` has a sign of its own that JSON Schema does not know. */
const there = (schema: z.ZodType): z.ZodType => (wireOf(schema, 'input').optional ? z.string() : schema)

/** Right, nearly right, and anything. */
const bodies = ({ json }: Drawn): fc.Arbitrary<unknown> => fc.oneof({ weight: 4, arbitrary: json }, fc.jsonValue({ maxDepth: 3 }))

function validator(document: object): (name: string, value: unknown) => boolean {
  const ajv = new Ajv2020({ strict: false, allErrors: true, ownProperties: true })
  formats.default(ajv)
  ajv.addSchema(document, 'document')
  return (name, value) => ajv.getSchema(`document#/components/schemas/${name}`)!(value) === true
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

test('what the document takes the door takes, and what it refuses the door refuses', async () => {
  // Sampled and not shrunk: a door is opened for many schemas at once, and a schema that is at fault says so itself.
  const samples = fc.sample(drawn, { numRuns: 60, seed: 11 }).map((one, at) => ({
    schema: z.object({ in: one.schema, more: z.int().optional() }),
    bodies: fc
      .sample(bodies(one), { numRuns: 8, seed: at })
      .map((value): object => ({ in: value }))
      .concat({}, { more: 1 }, { in: null, less: 1 }),
  }))
  const name = (at: number): string => `take${at}`
  const Taker: AnyContract = contract('taker', {
    version: '1.0.0',
    owner: 'tests',
    operations: Object.fromEntries(
      samples.map(({ schema }, at) => [name(at), command({ input: schema, http: `POST /${name(at)}` })]),
    ),
  })
  const handlers = Object.fromEntries(samples.map((_, at) => [name(at), () => undefined]))
  const { host, world, logged } = testHost([{ contract: Taker, handlers }])
  const door = await rest({ port: 0 }).open(host, world)
  try {
    const fits = validator(plain(openapi([Taker], { title: 'Taker' })) as object)
    const seen = { 204: 0, 400: 0 }
    const apart: string[] = []
    for (const [at, sample] of samples.entries())
      for (const json of sample.bodies) {
        const { status, body } = await ask(`${door.url}/${name(at)}`, { json })
        const said = fits(`TakerTake${at}Input`, plain(json)) ? 204 : 400
        seen[said]++
        if (status !== said)
          apart.push(
            `${said} said, ${status} answered to ${JSON.stringify(json)} for ${JSON.stringify(shown(sample.schema, 'input'))}: ${JSON.stringify(body.errors)}`,
          )
      }
    assert.deepEqual(apart, [])
    assert.deepEqual(logged, [])
    assert.ok(seen[204] > 100 && seen[400] > 100, JSON.stringify(seen))
  } finally {
    await door.close()
  }
})

test('whatever is announced and answered is what the documents say', async () => {
  const samples = fc.sample(drawn, { numRuns: 60, seed: 12 }).map((one) => ({ ...one, schema: z.object({ in: one.schema }) }))
  const Teller: AnyContract = contract('teller', {
    version: '1.0.0',
    owner: 'tests',
    operations: Object.fromEntries(
      samples.map(({ schema }, at) => [`tell${at}`, command({ output: schema, http: `POST /tell${at}` })]),
    ),
    events: samples.map(({ schema }, at) => event(`told.e${at}`, { schema, key: () => 'k' })),
  })
  const answers = validator(plain(openapi([Teller], { title: 'Teller' })) as object)
  const ajv = new Ajv({ strict: false, ownProperties: true })
  formats.default(ajv)
  ajv.addSchema(plain(asyncapi([Teller], { title: 'Teller' })) as object, 'events')
  let told = 0
  for (const [at, { schema, json }] of samples.entries()) {
    const [wire, parse] = [wireOf(schema, 'output'), parserOf(schema, 'output')]
    const data = ajv.getSchema(`events#/components/messages/told.e${at}/payload/properties/data`)!
    for (const value of fc.sample(json, { numRuns: 12, seed: at })) {
      const parsed = await parse(wireOf(schema, 'input').fromJson({ in: value }))
      if (!parsed.ok) continue
      const out = plain(wire.toJson(parsed.value))
      const about = `${JSON.stringify(out)} of ${JSON.stringify(shown(schema, 'output'))}`
      assert.ok(answers(`TellerTell${at}Output`, out), `answered: ${about}`)
      assert.ok(data(out), `announced: ${about}`)
      told++
    }
  }
  assert.ok(told > 150, `${told} told`)
})
