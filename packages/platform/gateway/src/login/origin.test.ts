import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isNavigation, isSameOrigin, isUnsafe, targetOf } from './origin.ts'

const ORIGIN = 'https://shop.example'
const asking = (headers: Readonly<Record<string, string>>, method = 'GET') => ({
  method,
  header: (name: string) => headers[name],
})

test('nobody is brought anywhere but to a path of the shop, however it is written', () => {
  for (const to of [
    ...['//evil.example', '///evil.example', '/\\evil.example', '\\/evil.example', '\\\\evil.example', '/..//evil.example'],
    ...['/.//evil.example', '/a/..//evil.example', '/%2e%2e//evil.example', 'https://evil.example', 'https:evil.example'],
    ...['http://shop.example', 'evil.example', '@evil.example', 'javascript:alert(1)', 'data:text/html,a', '', ' /a', '/a b'],
    ...['/\t/evil.example', '/\n/evil.example', '/a\r\nset-cookie: a=b', '/a\u0000', '/ä', `/${'a'.repeat(512)}`],
    ...['%2f%2fevil.example', '%5cevil.example', '/a\\..\\\\evil.example'],
  ])
    assert.equal(targetOf(to, ORIGIN), undefined, JSON.stringify(to))
  for (const [to, found] of [
    ['/', '/'],
    ['/orders?page=2&to=//evil.example', '/orders?page=2&to=//evil.example'],
    // One path of the shop: nobody decodes it before it is split.
    ['/%2f%2fevil.example', '/%2f%2fevil.example'],
    ['/%0d%0aset-cookie:a=b', '/%0d%0aset-cookie:a=b'],
    ['/a/../b#c', '/b'],
  ] as const)
    assert.equal(targetOf(to, ORIGIN), found)
})

test('wherever it leads, a browser stays with the shop', () => {
  const piece = fc.constantFrom(
    '/',
    '\\',
    '.',
    '..',
    '%2f',
    '%5c',
    '%2e',
    '@',
    ':',
    '?',
    '#',
    'evil.example',
    'https:',
    '\t',
    '\r\n',
    ' ',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (parts) => {
      const to = targetOf(parts.join(''), ORIGIN)
      if (to === undefined) return
      assert.equal(new URL(ORIGIN + to).origin, ORIGIN)
      assert.equal(new URL(to, ORIGIN).origin, ORIGIN)
    }),
    { numRuns: 2_000 },
  )
})

test('only a page of the shop itself has sent it', () => {
  const cases: readonly (readonly [Readonly<Record<string, string>>, boolean])[] = [
    [{}, false],
    [{ 'sec-fetch-site': 'same-origin' }, true],
    [{ 'sec-fetch-site': 'same-site' }, false],
    [{ 'sec-fetch-site': 'cross-site' }, false],
    [{ 'sec-fetch-site': 'none' }, false],
    [{ origin: ORIGIN }, true],
    [{ origin: 'null' }, false],
    [{ origin: 'http://shop.example' }, false],
    [{ origin: 'https://shop.example:8443' }, false],
    [{ origin: 'https://shop.example.evil.example' }, false],
    [{ origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }, false],
    [{ origin: ORIGIN, 'sec-fetch-site': 'cross-site' }, false],
  ]
  for (const [headers, is] of cases) assert.equal(isSameOrigin(asking(headers), ORIGIN), is, JSON.stringify(headers))
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'REPORT']) assert.equal(isUnsafe(asking({}, method)), true)
  for (const method of ['GET', 'HEAD', 'OPTIONS']) assert.equal(isUnsafe(asking({}, method)), false)
  assert.equal(isUnsafe(asking({ upgrade: 'websocket' })), true)
})

test('a person looks, or a script asks', () => {
  const html = { accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8' }
  for (const [headers, is] of [
    [html, true],
    [{ ...html, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }, true],
    [{ ...html, 'sec-fetch-mode': 'cors' }, false],
    [{ ...html, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }, false],
    [{ ...html, upgrade: 'websocket' }, false],
    [{ accept: '*/*' }, false],
    [{ accept: 'text/htmlx' }, false],
    [{ accept: 'application/json' }, false],
    [{}, false],
  ] as const)
    assert.equal(isNavigation(asking(headers)), is, JSON.stringify(headers))
  assert.equal(isNavigation(asking(html, 'DELETE')), false)
})
