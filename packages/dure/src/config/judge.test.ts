import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { realRuntime } from '../runtime/runtime.ts'
import { problemText } from './errors.ts'
import { keyVariable } from './files/keys.ts'
import { judge, type Judged } from './judge.ts'
import { partsOf } from './key.ts'
import { parseConfig } from './parse/parse.ts'
import { sealValue, secret } from './config.ts'
import type { ConfigLayer } from './source.ts'

fc.configureGlobal({ seed: 20_26 })

const layer = (text: string, file = 'a.yml'): ConfigLayer => {
  const { documents, problems } = parseConfig(text, { file })
  assert.deepEqual(problems, [])
  return { name: file, values: documents[0]?.values ?? new Map() }
}
const variables = (values: Readonly<Record<string, string>>): ConfigLayer => ({
  ...{ name: 'environment', relaxed: true },
  values: new Map(Object.entries(values).map(([key, value]) => [key, { value, from: `T_${key}` }])),
})
const judged = (schema: z.ZodType, ...layers: readonly ConfigLayer[]): Promise<Judged> =>
  judge(layers, [{ service: 'pay', schema: schema as never }], undefined)
async function value(schema: z.ZodType, ...layers: readonly ConfigLayer[]): Promise<unknown> {
  const { values, problems } = await judged(schema, ...layers)
  assert.deepEqual(problems.map(problemText), [])
  return values!.get('pay')
}
async function refused(schema: z.ZodType, ...layers: readonly ConfigLayer[]): Promise<readonly string[]> {
  const { values, problems } = await judged(schema, ...layers)
  assert.equal(values, undefined)
  return problems.map(problemText)
}

test('the first layer that has a key has its value, a list is taken whole, and it is known what was overridden', async () => {
  const Pay = z.object({ a: z.number(), hosts: z.array(z.string()), b: z.string().default('d') })
  const layers = [layer('pay: { a: 1, hosts: [x] }', 'first.yml'), layer('pay:\n  a: 2\n  hosts: [y, z]\n', 'second.yml')]
  assert.deepEqual(await value(Pay, ...layers), { a: 1, hosts: ['x'], b: 'd' })
  assert.deepEqual(await value(Pay, layer('pay.hosts: []'), ...layers), { a: 1, hosts: [], b: 'd' })
  const { entries } = await judged(Pay, ...layers)
  assert.deepEqual(entries[0], {
    ...{ key: 'pay.a', secret: false, value: 1, from: 'first.yml', line: 1, revision: undefined },
    overrides: [{ value: 2, from: 'second.yml', line: 2, revision: undefined }],
  })
})

test('texts become numbers and truths where the schema asks for those, and nowhere else', async () => {
  const Pay = z.object({
    ...{ n: z.number(), i: z.int(), yes: z.boolean(), s: z.string(), either: z.union([z.string(), z.number()]) },
    ...{
      list: z.array(z.number()),
      kind: z.enum(['a', 'b']),
      one: z.literal(1),
      none: z.number().nullable(),
      deep: z.record(z.string(), z.object({ n: z.number() })),
    },
  })
  const text =
    'pay.n=1.5e3\npay.i=-7\npay.yes=true\npay.s=007\npay.either=5\npay.list[0]=1\npay.kind=a\npay.one=1\npay.none=\npay.deep.x.n=2\n'
  assert.deepEqual(await value(Pay, layer(text, 'a.properties')), {
    ...{ n: 1500, i: -7, yes: true, s: '007', either: '5', list: [1], kind: 'a', one: 1, none: null, deep: { x: { n: 2 } } },
  })
  for (const wrong of ['0x10', '1 2', 'Infinity', '', '1,5', '१']) {
    const [problem] = await refused(z.object({ n: z.number() }), layer(`pay.n: "${wrong}"`))
    assert.match(problem!, /^a\.yml:1: pay\.n: /)
  }
  assert.equal((await refused(z.object({ yes: z.boolean() }), layer('pay.yes: "yes"'))).length, 1)
  // What YAML takes for a number is none of a text's digits any more.
  assert.equal((await refused(z.object({ version: z.string() }), layer('pay.version: 1.10'))).length, 1)
})

test('variables of the environment are found by the names that schemas and files have', async () => {
  const Pay = z.object({
    maxRetries: z.number(),
    'dash-ed': z.string(),
    hosts: z.array(z.object({ userName: z.string() })),
    more: z.record(z.string(), z.string()),
  })
  const files = layer('pay: { more: { someKey: file } }')
  const env = variables({
    'pay.maxretries': '3',
    'pay.dashed': 'x',
    'pay.hosts[0].username': 'u',
    'pay.more.somekey': 'env',
    'pay.more.other': 'o',
  })
  assert.deepEqual(await value(Pay, env, files), {
    ...{ maxRetries: 3, 'dash-ed': 'x', hosts: [{ userName: 'u' }], more: { someKey: 'env', other: 'o' } },
  })
})

test('all that is wrong or missing is told at once, each with its key and place', async () => {
  const Pay = z.object({ a: z.number(), b: z.object({ c: z.string(), d: z.string() }), e: z.array(z.number()), f: z.number() })
  const problems = await refused(Pay, layer('pay:\n  a: text\n  b: { c: 1 }\n  e[1]: 2\n'))
  assert.deepEqual(problems, ['a.yml:4: pay.e: it is a list without its [0]'])
  const more = await refused(Pay, layer('pay:\n  a: text\n  b: { c: 1 }\n  e: [x]\n'))
  assert.deepEqual(
    more.map((one) =>
      one.replace(/: (?:Invalid|it is not set).*/, (found) => (found.includes('not set') ? ': missing' : ': wrong')),
    ),
    ['a.yml:2: pay.a: wrong', 'a.yml:3: pay.b.c: wrong', 'pay.b.d: missing', 'a.yml:4: pay.e[0]: wrong', 'pay.f: missing'],
  )
})

test('a key is a value or has keys below it; an empty one is nothing', async () => {
  const Any = z.object({ a: z.unknown() })
  assert.deepEqual(await refused(Any, layer('pay.a: 1', 'one.yml'), layer('pay.a.b: 2', 'two.yml')), [
    'one.yml:1: pay.a: it is a value here, and has "pay.a.b" below it at two.yml:1; keep one of them',
  ])
  assert.deepEqual(await value(Any, layer('pay:\n  a:\n'), layer('pay.a.b: 2')), { a: { b: 2 } })
})

test('placeholders stand for other settings, with defaults, and never for themselves', async () => {
  const Any = z.object({ a: z.unknown().optional(), b: z.unknown().optional() })
  const of = (text: string) => value(Any, layer(text))
  assert.deepEqual(
    await of('pay: { a: "${x.port}", b: "http://${x.host:localhost}:${x.port}/${x.y:${x.port}}" }\nx.port: 80\n'),
    {
      ...{ a: 80, b: 'http://localhost:80/80' },
    },
  )
  assert.deepEqual(await of('pay: { a: "\\\\${x}", b: "${no:}" }'), { a: '${x}', b: '' })
  assert.deepEqual(await refused(Any, layer('pay.a: ${x}\nx: ${y:1}\ny: a${x}\n')), [
    'a.yml:3: y: it needs itself: x needs y needs x',
  ])
  assert.match((await refused(Any, layer('pay.a: "${x"'))).join(), /^a\.yml:1: pay\.a: it has "\$\{" without/)
  assert.match((await refused(Any, layer('pay.a: "${nothing}"'))).join(), /"\$\{nothing\}" names no setting/)
  const bomb = Array.from({ length: 40 }, (_, n) => `k${n}: "\${k${n + 1}}\${k${n + 1}}"`).join('\n')
  assert.match((await refused(Any, layer(`${bomb}\nk40: ha\npay.a: "\${k0}"\n`))).join(), /grows to more than/)
})

test('secrets are in no message and in no list, however they came to be secrets', async () => {
  const Pay = z.object({ apiKey: z.string().transform(secret), url: z.string(), n: z.number(), plain: z.string() })
  const text =
    'pay: { apiKey: "${vault.one}", url: "x://${vault.one}@h", n: 5, plain: p }\nvault.one: hunter2hunter2\nother.password: hunter2hunter2\n'
  const { values, entries } = await judged(Pay, layer(text))
  const made = values!.get('pay') as { readonly apiKey: { readonly reveal: () => string } }
  assert.equal(made.apiKey.reveal(), 'hunter2hunter2')
  assert.deepEqual(
    entries.filter((one) => one.secret).map(({ key }) => key),
    ['other.password', 'pay.apiKey', 'pay.url', 'vault.one'],
  )
  assert.ok(!JSON.stringify(entries).includes('hunter2'))
  // A validator that says values, and a value of which nobody knows yet that it is a secret.
  const Says = z.object({
    apiKey: z
      .string()
      .refine(() => false, { error: ({ input }) => `"${String(input)}" is no key` })
      .transform(secret),
  })
  const wrong = await judged(Says, layer('pay.apiKey: hunter2hunter2'))
  assert.ok(!JSON.stringify([wrong.problems, wrong.entries]).includes('hunter2'), JSON.stringify(wrong))
  assert.equal(wrong.problems[0]!.why, '"[value]" is no key')
})

test('what is encrypted is decrypted for its own key, or nothing is used', async () => {
  const Pay = z.object({ apiKey: z.string().transform(secret) })
  const [first, second] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
  const sealed = sealValue('pay.apiKey', '두레', first!, realRuntime().random)
  const keys = (...all: readonly Uint8Array[]) =>
    keyVariable('K', { K: all.map((one) => Buffer.from(one).toString('base64')).join(',') })
  const by = async (text: string, own: ReturnType<typeof keys> | undefined) => {
    const { values, problems } = await judge([layer(text)], [{ service: 'pay', schema: Pay as never }], own)
    return values === undefined ? problems.map(problemText).join() : (values.get('pay') as z.output<typeof Pay>).apiKey.reveal()
  }
  assert.equal(await by(`pay.apiKey: "${sealed}"`, keys(first!)), '두레')
  assert.equal(await by(`pay.apiKey: "${sealed}"`, keys(second!, first!)), '두레')
  assert.match(
    await by(`pay.apiKey: "${sealed}"`, keys(second!)),
    /^a\.yml:1: pay\.apiKey: it cannot be decrypted: no key of the variable "K"/,
  )
  assert.match(await by(`pay.apiKey: "${sealed}"`, undefined), /has no key/)
  assert.match(await by(`pay.apiKey: "${sealed.slice(0, -6)}AAAAA="`, keys(first!)), /cannot be decrypted/)
  assert.match(await by('pay.apiKey: "{encrypted}"', keys(first!)), /cannot be decrypted/)
  assert.match(await by(`pay.apiKey: x\nother: "${sealed}"`, keys(first!)), /other: it cannot be decrypted/)
  assert.match(await by('pay.apiKey: "{cipher}abc"', keys(first!)), /encrypted for Spring/)
  assert.match(await by(`pay.apiKey: "${sealed}"`, keyVariable('K', {})), /the variable "K" has no key/)
})

test('what nobody asks for is told', async () => {
  const Pay = z.object({ a: z.number(), b: z.record(z.string(), z.number()).optional() })
  const { unknown } = await judged(Pay, layer('pay: { a: 1, timeuot: 5, b: { x: 1 } }\nother.x: 1\n'))
  assert.deepEqual(unknown, ['pay.timeuot'])
})

test('services share what they get, so nobody can change it', async () => {
  const made = (await value(z.object({ a: z.array(z.object({ b: z.number() })) }), layer('pay.a: [{ b: 1 }]'))) as {
    a: { b: number }[]
  }
  assert.throws(() => (made.a[0]!.b = 2), TypeError)
})

test('keys are taken apart as they are put together', () => {
  const name = fc.string({ minLength: 1, maxLength: 5 }).filter((text) => !/[.[\]]|^\d+$/.test(text) && text !== '__proto__')
  const parts = fc.tuple(name, fc.array(fc.oneof(name, fc.nat(9_999)), { maxLength: 5 })).map(([first, rest]) => [first, ...rest])
  fc.assert(
    fc.property(parts, (given) => {
      const key = given.reduce<string>(
        (at, part) => (typeof part === 'number' ? `${at}[${part}]` : at === '' ? part : `${at}.${part}`),
        '',
      )
      assert.deepEqual(partsOf(key), given)
    }),
  )
  for (const wrong of ['', '.', '.a', 'a.', 'a..b', 'a[', 'a]', 'a[0]b', 'a[10000]', 'a[00]', 'a.__proto__', 'a[]'])
    assert.equal(partsOf(wrong), undefined, wrong)
})
