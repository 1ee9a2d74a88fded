import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { directivesOf, hasIt, lifetimeOf, satisfies, variesBy, termsOf } from './rules.ts'

type Fields = Readonly<Record<string, string>>
const NOW = Date.parse('2026-01-01T00:00:00Z')

const lifetime = (answer: Fields, how: { status?: number; request?: Fields; known?: boolean; stale?: number } = {}) => {
  const { status = 200, request = {}, known = false, stale = 0 } = how
  return lifetimeOf({ status, known, stale, now: NOW, answer: (name) => answer[name], request: (name) => request[name] })
}
const cc = (text: string): Fields => ({ 'cache-control': text })

test('what is kept is what says for how long: by s-maxage, max-age, Expires, in this order', () => {
  const expires = { expires: 'Thu, 01 Jan 2026 00:01:00 GMT' }
  for (const [answer, fresh] of [
    [cc('max-age=60'), 60_000],
    [cc('Max-Age=60'), 60_000],
    [cc('max-age="60"'), 60_000],
    [cc('public, max-age=5, s-maxage=60'), 60_000],
    [{ ...cc('max-age=5'), ...expires }, 5_000],
    [expires, 60_000],
    [{ ...expires, date: 'Thu, 01 Jan 2026 00:00:50 GMT' }, 10_000],
    [{ expires: '0' }, 0],
    [cc('max-age=abc'), 0],
    [cc('max-age=-1'), 0],
    [cc('max-age=60, max-age=600'), 0],
    [cc('max-age=99999999999999'), 2_147_483_648_000],
    [cc('no-cache, max-age=60'), 0],
    [cc('no-cache="x-a", max-age=60'), 0],
  ] as const)
    assert.equal(lifetime(answer)?.fresh, fresh, JSON.stringify(answer))
})

test('what is for one alone, or says nothing, is not kept', () => {
  for (const answer of [
    {},
    { etag: '"a"' },
    { 'last-modified': 'Wed, 31 Dec 2025 00:00:00 GMT' },
    cc('public'),
    cc('no-store, max-age=60'),
    cc('No-Store, max-age=60'),
    cc('private, max-age=60'),
    cc('PRIVATE="set-cookie, x", max-age=60'),
    { ...cc('max-age=60'), 'set-cookie': 'a=b' },
    { ...cc('public, max-age=60'), vary: 'accept, *' },
  ] as Fields[])
    assert.equal(lifetime(answer), undefined, JSON.stringify(answer))
  for (const status of [204, 206, 304, 401, 403, 500, 503]) assert.equal(lifetime(cc('max-age=60'), { status }), undefined)
  assert.equal(lifetime(cc('max-age=60'), { request: cc('no-store') }), undefined)
  assert.equal(lifetime(cc('max-age=60'), { known: true }), undefined)
  for (const each of ['public', 's-maxage=9', 'must-revalidate'])
    assert.equal(lifetime(cc(`max-age=9, ${each}`), { known: true })?.forKnown, true, each)
})

test('when there is no other, what is not fresh any more is given only where it may be', () => {
  assert.equal(lifetime(cc('max-age=1, stale-if-error=30'))?.stale, 30_000)
  assert.equal(lifetime(cc('max-age=1'), { stale: 5_000 })?.stale, 5_000)
  for (const each of ['must-revalidate', 'proxy-revalidate', 's-maxage=1', 'no-cache'])
    assert.equal(lifetime(cc(`max-age=1, stale-if-error=30, ${each}`), { stale: 5_000 })?.stale, 0, each)
})

test('a client says how old it may be', () => {
  const stored = lifetime(cc('max-age=60'))!
  for (const [said, age, is] of [
    [{}, 59_999, true],
    [{}, 60_000, false],
    [cc('max-age=10'), 10_000, true],
    [cc('max-age=10'), 10_001, false],
    [cc('max-age=0'), 1, false],
    [cc('no-cache'), 0, false],
    [{ pragma: 'no-cache' }, 0, false],
    [{ pragma: 'no-cache', ...cc('max-age=10') }, 5_000, true],
    [cc('min-fresh=30'), 29_999, true],
    [cc('min-fresh=30'), 30_000, false],
  ] as readonly (readonly [Fields, number, boolean])[])
    assert.equal(
      satisfies(
        stored,
        age,
        termsOf((name) => said[name]),
      ),
      is,
      JSON.stringify([said, age]),
    )
  assert.equal(termsOf(() => 'only-if-cached').onlyStored, true)
})

test('what an answer depends on is compared by what it means, and whoever has it need not get it again', () => {
  const varies = (given: Fields) => variesBy('Accept-Encoding, x-b , X-B', (name) => given[name])
  assert.deepEqual(varies({ 'accept-encoding': 'br;q=1, gzip' }), varies({ 'accept-encoding': 'gzip,BR' }))
  assert.notDeepEqual(varies({ 'x-b': '' }), varies({}))
  assert.deepEqual(
    varies({}).map(([name]) => name),
    ['accept-encoding', 'x-b'],
  )
  const has = (request: Fields, answer: Fields) =>
    hasIt(
      (name) => request[name],
      (name) => answer[name],
    )
  const own = { etag: 'W/"a,b"', 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT' }
  assert.equal(has({ 'if-none-match': '"x", "a,b"' }, own), true)
  assert.equal(has({ 'if-none-match': 'a,b' }, own), false)
  assert.equal(has({ 'if-none-match': '*' }, own), true)
  assert.equal(has({ 'if-none-match': '"x"', 'if-modified-since': 'Thu, 01 Jan 2027 00:00:00 GMT' }, own), false)
  assert.equal(has({ 'if-modified-since': 'Thu, 01 Jan 2026 00:00:00 GMT' }, own), true)
  assert.equal(has({ 'if-modified-since': 'Wed, 31 Dec 2025 23:59:59 GMT' }, own), false)
})

test('directives are read in whatever case, order and spacing, and no text takes long', () => {
  const name = fc.constantFrom('max-age', 'private', 'no-store', 's-maxage', 'x-own')
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(name, fc.option(fc.nat())), { selector: ([each]) => each }),
      fc.nat(3),
      (said, spaces) => {
        const text = said
          .map(
            ([each, value], i) =>
              `${i % 2 === 0 ? each.toUpperCase() : each}${value === null ? '' : i % 3 === 0 ? `="${value}"` : `=${value}`}`,
          )
          .join(`${' '.repeat(spaces)},${' '.repeat(spaces)}`)
        const expected = said.map(([each, value]) => [each, value === null ? '' : String(value)])
        assert.deepEqual([...directivesOf(text)], expected)
      },
    ),
  )
  directivesOf(`a="${'\\'.repeat(16_000)}`)
  directivesOf('a='.repeat(8_000))
  // A field is bytes.
  const field = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
  fc.assert(fc.property(field, (text) => void directivesOf(text)))
})
