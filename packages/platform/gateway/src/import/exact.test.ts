import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imported, one } from './import.test-support.ts'

test('a route whose predicates cannot be asked for exactly is left out, and said with its line', () => {
  const because = (...predicates: readonly string[]): string => {
    const { routes, said } = imported(one(predicates))
    assert.deepEqual(routes, {})
    return said.join('\n')
  }
  // A pattern is whole there, and an empty text is no ".+".
  for (const predicate of [
    'Header=X-A, .+',
    'Header=X-A, a|b',
    'Header=X-A, a.c',
    'Cookie=a, .+',
    'Cookie=a, b*',
    'Query=q, \\d',
  ])
    assert.match(because(predicate), /is a regular expression; give one value, or any/, predicate)
  assert.match(because('Query=q, .*'), /^6 left out: .*does not take "\?q" there/)
  assert.match(because('{ name: Header, args: { header: X-A, regexp: "a, b" } }'), /none of several values, which a header lists/)
  // All must hold there.
  assert.match(because('Path=/a/**', 'Path=/a/b/**'), /several predicates Path, and all of them must hold/)
  assert.match(because('Host=a.org', 'Host=b.org'), /several predicates Host/)
  assert.match(because('RemoteAddr=10.0.0.0/8', 'RemoteAddr=10.1.0.0/16'), /several predicates RemoteAddr/)
  assert.match(because('Method=GET', 'Method=POST'), /several predicates Method/)
  assert.match(because('Header=X-A, a', 'Header=x-a'), /routes here ask once for "x-a"/)
  assert.match(because('Cookie=a, b', 'Cookie=a, c'), /routes here ask once for "a"/)
  assert.match(because('Header=__proto__'), /routes here ask once/)
  assert.match(because('Method=get'), /"get" is another method than "GET" there/)
  // One value with a comma, however it looks.
  assert.match(because('{ name: Path, args: { patterns: "/a/**,/b" } }'), /"\/a\/\*\*,\/b" is one value there/)
  assert.match(because('{ name: Method, args: { methods: "GET,POST" } }'), /"GET,POST" is one value there/)
  assert.match(because('{ name: Host, args: { patterns: ["a.org,b.org"] } }'), /"a.org,b.org" is one value there/)
  assert.match(because('{ name: Path, args: { pattern: /a, matchTrailingSlash: false } }'), /take a slash at the end/)
  assert.match(
    because('{ name: Host, args: { patterns: a.org, includePort: false } }'),
    /its argument "includePort" is not understood/,
  )
  const { routes } = imported(
    one(['{ name: Path, args: { patterns: [/a/**, /b], matchTrailingSlash: true } }', 'Query=q', 'Query=Q']),
  )
  assert.deepEqual(routes, {
    one: { prefix: '/a', query: { q: true, Q: true }, to: 'orders' },
    'one.2': { path: '/b', query: { q: true, Q: true }, to: 'orders' },
  } as object)
})

test('what is rewritten not quite as it was is said or left out', () => {
  const said = (filter: string, path = '/red/**'): string => imported(one([`Path=${path}`], [filter])).said.join('\n')
  for (const exact of [
    '/red/?(?<a>.*), /$\\{a}',
    '/red/?(.*), /b/$1',
    '/red(/?.*), /b$1',
    '/red(.*), $1',
    '^/?(.*), /b/$1',
    '/(.*), /b/$1',
  ])
    assert.equal(said(`RewritePath=${exact}`), '', exact)
  assert.match(said('RewritePath=/red/(.*), /b/$1'), /^12 differs: .*"\/red\/" with nothing behind it, or without its slash/)
  assert.match(said('RewritePath=/red(/.*), /b$1'), /^12 differs: /)
  assert.match(said('RewritePath=/red/?(.+), /b/$1'), /^12 differs: /)
  assert.equal(said('RewritePath=/red/(.*), /b/$1', '/red/{x}'), '')
  for (const slashes of ['/red/?(.*), /b$1', '/red(/?.*), /b/$1', '/red/(.*), $1'])
    assert.match(said(`RewritePath=${slashes}`), /^12 left out: .*two slashes before the rest, or none/, slashes)
  assert.match(said('RewritePath=/red/?(/?.*), /b/$1'), /left out/)
  for (const twice of ['/?(.*), /b/$1', '(.*), /b$1'])
    assert.match(said(`RewritePath=${twice}`), /left out: .*is found twice in a path/, twice)
  assert.match(said('SetPath=/x/{id}', '/red/{id}'), /^12 differs: .*is encoded \(%2B, %3B, %2F\)/)
  assert.equal(said('SetPath=/x', '/red/{id}'), '')
  assert.match(said('SetPath=/x/{rest}', '/red/{*rest}'), /^12 left out: .*"\{rest\}" is no parameter/)
})

test('of hosts it is said once that they are compared in another way', () => {
  const { said } = imported(one(['Host=**.Shop.org,a.org', 'Path=/a']))
  assert.deepEqual(said, [
    '6 differs: a route of a host: hosts are the same in capitals, with a port or with a dot at their end; there they are others',
  ])
})
