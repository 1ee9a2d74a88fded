import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { problemText } from '../errors.ts'
import { parseConfig } from './parse.ts'

fc.configureGlobal({ seed: 20_26 })

function read(text: string, file = 'a.yml'): Record<string, unknown> {
  const { documents, problems } = parseConfig(text, { file })
  assert.deepEqual(problems, [])
  return Object.fromEntries([...documents[0]!.values].map(([key, { value }]) => [key, value]))
}

function refused(text: string, file = 'a.yml'): readonly string[] {
  const { problems } = parseConfig(text, { file })
  assert.ok(problems.length > 0, 'it was taken')
  return problems.map(problemText)
}

test('nested values are flat keys, in every kind of file', () => {
  const flat = { 'a.b': 1, 'a.list[0]': 'x', 'a.list[1].c': true, 'a.none': null, 'a.empty': '', 'x.y': 'z', 'r[/api/**]': 'one' }
  const yaml = `
a:
  b: 1
  list: [x, { c: true }]
  none:
  empty: []
x.y: z
r: { "[/api/**]": one }
`
  assert.deepEqual(read(yaml), flat)
  const json =
    '{\n\t"a": { "b": 1, "list": ["x", { "c": true }], "none": null, "empty": {} }, "x.y": "z", "r": { "[/api/**]": "one" } }'
  assert.deepEqual(read(json, 'a.json'), flat)
  assert.deepEqual(read('# c\na.b=1\na.list[0] = x\n long: 1\\\n   2\nuni=\\uB450\n!\nempty\n', 'a.properties'), {
    ...{ 'a.b': '1', 'a.list[0]': 'x', long: '12', uni: '두', empty: '' },
  })
})

test('each value has its line and revision', () => {
  const { documents } = parseConfig('a:\n  - 1\n  - b: 2\n', { file: 'c/a.yml', revision: 'f00' })
  assert.deepEqual(documents[0]!.values.get('a[1].b'), { value: 2, from: 'c/a.yml', revision: 'f00', line: 3 })
})

test('aliases and merges are written out, and may not explode', () => {
  assert.deepEqual(read('base: &b { x: 1, y: 2 }\none: { <<: *b, y: 3 }\ntwo: *b\n'), {
    ...{ 'base.x': 1, 'base.y': 2, 'one.y': 3, 'one.x': 1, 'two.x': 1, 'two.y': 2 },
  })
  const laughs = [
    'l0: &l0 [ha, ha]',
    ...Array.from({ length: 30 }, (_, n) => `l${n + 1}: &l${n + 1} [${`*l${n}, `.repeat(9)}]`),
  ].join('\n')
  assert.match(refused(laughs).join('\n'), /a\.yml:\d+: its aliases stand for more than 10000 values/)
  assert.match(refused('a: &a [*a]\n').join('\n'), /a\.yml:1: it is nested deeper/)
})

test('what cannot be right is refused with its line', () => {
  assert.deepEqual(refused('a: 1\nb: 2\na: 3\n'), ['a.yml:3: it has "a" again, which stands in line 1 already; keep one of them'])
  assert.deepEqual(refused('a.b: 1\na:\n  b: 2\n'), ['a.yml:3: a.b: it stands in line 1 already; keep one of them'])
  assert.deepEqual(refused('a=1\nb=2\na=3\n', 'a.properties'), [
    'a.properties:3: a: it stands in line 1 already; keep one of them',
  ])
  assert.match(refused('a:\n\tb: 1\n')[0]!, /^a\.yml:2: .*indent with spaces/)
  assert.match(refused('{"a": 1,\n}', 'a.json')[0]!, /^a\.json:2: it is no JSON/)
  assert.match(refused('- 1\n')[0]!, /^a\.yml:1: it has no keys/)
  assert.match(refused('id: 12345678901234567890\n')[0]!, /^a\.yml:1: id: it is a number that would not be read as it is written/)
  assert.match(refused('a: .nan\n')[0]!, /^a\.yml:1: a: /)
  assert.match(refused('a: !!js/function "x"\n')[0]!, /^a\.yml:1: /)
  assert.match(refused('__proto__: { a: 1 }\n')[0]!, /^a\.yml:1: /)
  assert.match(refused('a: 1', 'a.txt')[0]!, /ends in none of/)
  assert.match(refused(`a: ${'x'.repeat(3_000_000)}`)[0]!, /characters/)
  assert.match(refused('a: 1\nspring.config.activate.on-profile: "prod & (eu"\n')[0]!, /^a\.yml:2: .*it is no profile/)
})

test('documents say for which profiles they are', () => {
  const { documents } = parseConfig('a: 1\n---\nspring.config.activate.on-profile: prod, eu\na: 2\n', { file: 'a.yml' })
  assert.deepEqual(
    documents.map(({ profiles }) => profiles),
    [undefined, ['prod', 'eu']],
  )
})

test('whatever a file has, it is read or refused, and soon', () => {
  const part = fc.constantFrom(
    'a',
    ':',
    ' ',
    '\n',
    '- ',
    '&a ',
    '*a',
    '<<',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '\\',
    '\t',
    '|',
    '>',
    '#',
    '---',
    '=',
    '\u0000',
    '1e999',
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 60 }), fc.constantFrom('a.yml', 'a.json', 'a.properties'), (parts, file) => {
      const { documents, problems } = parseConfig(parts.join(''), { file })
      assert.ok(
        problems.length > 0 || documents.every(({ values }) => [...values.keys()].every((key) => typeof key === 'string')),
      )
    }),
  )
  assert.ok(parseConfig('\\'.repeat(1_000_000), { file: 'a.properties' }).documents.length === 1)
})
