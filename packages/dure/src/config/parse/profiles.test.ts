import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseConfig } from './parse.ts'
import { isForProfiles, isProfileExpression } from './profiles.ts'

test('expressions of profiles are read as Spring reads them, and what is none is refused', () => {
  const cases: readonly (readonly [text: string, active: string, is: boolean])[] = [
    ['prod', 'prod', true],
    ['prod', 'eu', false],
    ['!prod', 'eu', true],
    ['!prod', '', true],
    ['!!prod', 'prod', true],
    ['eu & prod', 'eu prod', true],
    ['eu&prod', 'eu', false],
    ['eu | us', 'us', true],
    ['eu & (prod | staging)', 'eu staging', true],
    ['!(eu | us) & prod', 'us prod', false],
    ['a | b | c', 'c', true],
    ['team-one.x', 'team-one.x', true],
  ]
  for (const [text, active, is] of cases) assert.equal(isForProfiles([text], active.split(' ')), is, text)
  assert.ok(isForProfiles(['a', '!b'], ['x']))
  for (const text of ['', '!', '&', 'a &', '| a', 'a & b | c', '(a', 'a)', '()', 'a b', 'a !b', `${'('.repeat(200)}a`])
    assert.ok(!isProfileExpression(text), text)
})

test('whatever is written, it is an expression or none; and whoever is active, "!" turns it around', () => {
  const part = fc.constantFrom('a', 'b', '!', '&', '|', '(', ')', ' ')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 20 }), fc.subarray(['a', 'b']), (parts, active) => {
      const text = parts.join('')
      if (!isProfileExpression(text)) return assert.ok(!isForProfiles([text], active))
      assert.notEqual(isForProfiles([`!(${text})`], active), isForProfiles([text], active))
    }),
  )
})

test('documents of properties, and lists of profiles', () => {
  const properties = 'a=1\n#---\nspring.config.activate.on-profile=!prod\na=2\n!---\n#--- not this one\nb=3\n'
  const { documents, problems } = parseConfig(properties, { file: 'a.properties' })
  assert.deepEqual(problems, [])
  assert.deepEqual(
    documents.map(({ profiles, values }) => [profiles, [...values].map(([key, { value, line }]) => [key, value, line])]),
    [
      [undefined, [['a', '1', 1]]],
      [['!prod'], [['a', '2', 4]]],
      [undefined, [['b', '3', 7]]],
    ],
  )
  const listed = parseConfig('spring.config.activate.on-profile: [us, "eu & !test"]\na: 2\n', { file: 'a.yml' })
  assert.deepEqual(listed.documents[0]?.profiles, ['us', 'eu & !test'])
  assert.deepEqual([...listed.documents[0]!.values.keys()], ['a'])
  const wrong = parseConfig('a: 1\n---\nspring.config.activate.on-profile: "a & b | c"\n', { file: 'a.yml' })
  assert.match(wrong.problems[0]!.why, /it is no profile/)
})
