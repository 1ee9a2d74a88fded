import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { contract, query, type Issue } from 'dure/contract'
import { z } from 'zod'
import { envelopeOf, readEnvelope, V12 } from './envelope.ts'
import { modelOf } from './model.ts'
import { whole, xmlReader } from './read.ts'
import { contractOf, made } from './values.test-support.ts'
import { SCALARS } from './scalars.ts'
import { wsdlDocument } from './wsdl.ts'
import { xmlWriter } from './write.ts'

const LIMITS = { depth: 1_000, attributes: 64, elements: 100_000 }

test('every value of every contract comes back as it was', () => {
  fc.assert(
    fc.property(
      made.chain((one) =>
        fc.tuple(
          fc.constant(() => one),
          one.value,
        ),
      ),
      ([one, value]) => {
        const own = contractOf(one())
        const model = modelOf(own)
        const output = model.operations[0]!.output!
        const content = `<echoResponse xmlns="${model.namespace}">${xmlWriter(model).part(output)(value)}</echoResponse>`
        const envelope = readEnvelope(Buffer.from(envelopeOf(V12, content)), LIMITS)
        const issues: Issue[] = []
        const back = xmlReader(model).parts([output])(envelope.content!, whole(issues)).get('result')
        assert.deepEqual([back, issues], [value, []])
        // As the callee would take it.
        const parsed = output.type.kind === 'nothing' ? true : one().schema.safeParse(back).success
        assert.ok(parsed)
        assert.ok(wsdlDocument([own]).includes('wsdl:definitions'))
      },
    ),
    { numRuns: 100 },
  )
})

test('elements that come in another order, or not at all, are read as they would be in theirs', () => {
  const output = z.object({
    a: z.string().optional(),
    b: z.int32().optional(),
    c: z.boolean().optional(),
    d: z.date().optional(),
  })
  const model = modelOf(contract('x', { version: '1.0.0', owner: 'tests', operations: { get: query({ output }) } }))
  const part = model.operations[0]!.output!
  const own = { a: 'x', b: 7, c: true, d: new Date('2024-02-29T23:59:59.500Z') }
  const words = { a: 'x', b: '7', c: 'true', d: '2024-02-29T23:59:59.500Z' }
  fc.assert(
    fc.property(fc.shuffledSubarray(['a', 'b', 'c', 'd'] as const), fc.boolean(), (order, isTwice) => {
      const elements = (isTwice ? [...order, ...order] : order).map((key) => `<${key}>${words[key]}</${key}>`).join('')
      const xml = envelopeOf(V12, `<r xmlns="${model.namespace}"><result>${elements}</result></r>`)
      const issues: Issue[] = []
      const read = xmlReader(model)
        .parts([part])(readEnvelope(Buffer.from(xml), LIMITS).content!, whole(issues))
        .get('result')
      assert.deepEqual(read, Object.fromEntries(order.map((key) => [key, own[key]])))
      assert.equal(issues.length, isTwice ? order.length : 0)
    }),
  )
})

test('a day that its month does not have is none', () => {
  const { read } = SCALARS.date
  for (const text of ['2023-02-29T00:00:00Z', '2024-02-30T00:00:00Z', '12345-04-31T00:00:00Z', '-0001-02-30T00:00:00Z'])
    assert.equal(read(text), text)
  for (const [text, iso] of [
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['2000-02-29T12:00:00+09:00', '2000-02-29T03:00:00.000Z'],
    ['12345-04-30T00:00:00Z', '+012345-04-30T00:00:00.000Z'],
    ['-0004-02-29T00:00:00Z', '-000004-02-29T00:00:00.000Z'],
  ] as const)
    assert.equal((read(text) as Date).toISOString(), iso)
})

test('null, absent and empty are three things', () => {
  const output = z.object({ list: z.array(z.string().nullable()).nullable().optional(), text: z.string().nullable().optional() })
  const model = modelOf(contract('x', { version: '1.0.0', owner: 'tests', operations: { get: query({ output }) } }))
  const part = model.operations[0]!.output!
  const write = xmlWriter(model).part(part)
  const forms = [{}, { list: null, text: null }, { list: [], text: '' }, { list: [null] }].map((value) => {
    const xml = write(value)
    const { content } = readEnvelope(Buffer.from(envelopeOf(V12, `<r xmlns="${model.namespace}">${xml}</r>`)), LIMITS)
    assert.deepEqual(xmlReader(model).parts([part])(content!, whole([])).get('result'), value)
    return xml
  })
  assert.deepEqual(forms.slice(0, 3), [
    '<result></result>',
    '<result><list xsi:nil="true"/><text xsi:nil="true"/></result>',
    '<result><list></list><text></text></result>',
  ])
})

test('what SOAP could not tell apart, or has no word for, is refused when the door opens, with what to do', () => {
  const of = (operations: Record<string, z.ZodType>) =>
    modelOf(
      contract('orders', {
        ...{ version: '1.0.0', owner: 'tests' },
        operations: Object.fromEntries(Object.entries(operations).map(([name, output]) => [name, query({ output })])),
      }),
    )
  assert.throws(
    () => of({ get: z.string(), getResponse: z.string() }),
    /Cannot serve "orders" as SOAP: the answer of "get" and the operation "getResponse" would be one element; give/,
  )
  assert.throws(() => of({ get: z.enum(['a', 'b\u0000']) }), /"b\\u0000" of its type "OrdersGetOutput" has a character/)
  const write = xmlWriter(of({ get: z.string() })).part({
    element: 'x',
    type: { kind: 'scalar', scalar: 'string', nullable: false },
    optional: false,
  })
  for (const text of ['\u0000', '\u001b[0m', '\ud800', '\ufffe']) assert.throws(() => write(text), /that XML has no word for/)
})

test('types that have the name of an operation get another one: programs make classes of both', () => {
  const Place = z.object({ id: z.string() }).meta({ id: 'Place' })
  const own = contract('x', { version: '1.0.0', owner: 'tests', operations: { place: query({ output: Place }) } })
  assert.match(wsdlDocument([own]), /complexType name="PlaceType"/)
})
