import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { METADATA_LIMITS, metadataFromBaggage, NO_METADATA, wrongMetadata } from './metadata.ts'
import { copyPrincipal, PRINCIPAL_LIMITS, wrongPrincipal } from './principal.ts'

test('metadata survives the way through a baggage header', () => {
  const names = fc.stringMatching(/^[!#$%&'*+.^_`|~\w-]{1,20}$/).filter((name) => name !== '__proto__')
  const texts = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !text.includes('\0') && text.isWellFormed())
  fc.assert(
    fc.property(fc.dictionary(names, texts, { maxKeys: 20, noNullPrototype: true }), (metadata) => {
      assert.equal(wrongMetadata(metadata), undefined)
      assert.deepEqual(metadataFromBaggage(baggageOf(metadata)), metadata)
    }),
  )
})

test('a baggage header of anybody is read as far as it can be, within the bounds', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (header) => {
      assert.equal(wrongMetadata(metadataFromBaggage(header)), undefined)
    }),
  )
  assert.deepEqual(metadataFromBaggage('a=1;secret, b = x%20y ,c,=d,e=%ZZ,a=2,__proto__=x,f=%00'), { a: '2', b: 'x y' })
  assert.equal(metadataFromBaggage('nothing'), NO_METADATA)
  const many = Array.from({ length: 100 }, (_, at) => `n${at}=1`).join(',')
  assert.equal(Object.keys(metadataFromBaggage(many)).length, METADATA_LIMITS.entries)
  assert.deepEqual(metadataFromBaggage(`a=1,b=${'x'.repeat(METADATA_LIMITS.bytes)}`), { a: '1' })
})

test('metadata and principals that cannot go along are refused in words', () => {
  const wrong: [unknown, RegExp][] = [
    [[], /no object of texts/],
    [{ 'a b': 'x' }, /has the name "a b"/],
    [{ ['__proto__']: 'x' }, /has the name "__proto__"/],
    [{ a: 1 }, /"a" of type number/],
    [{ a: '\0' }, /NUL/],
    [{ a: 'x'.repeat(METADATA_LIMITS.bytes) }, /has 8195 bytes, and 8192 are allowed/],
    [Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`n${at}`, ''])), /has 65 entries/],
  ]
  for (const [metadata, words] of wrong) assert.match(wrongMetadata(metadata)!, words)
  const ana = copyPrincipal({ subject: 'ana', kind: 'user', scopes: ['orders:write'], roles: [] })
  assert.equal(wrongPrincipal(ana), undefined)
  assert.equal(copyPrincipal(ana), ana)
  assert.notEqual(copyPrincipal({ ...ana }), ana)
  assert.throws(() => (ana.scopes as string[]).push('orders:admin'), TypeError)
  const bad: [unknown, RegExp][] = [
    [undefined, /of type undefined/],
    [{ ...ana, kind: 'god' }, /the kind "god"/],
    [{ ...ana, subject: '' }, /has 0 characters/],
    [{ ...ana, scopes: 'orders:write' }, /no list of scopes/],
    [{ ...ana, roles: [7] }, /of type number/],
    [{ ...ana, client: '' }, /has 0 characters/],
    [{ ...ana, initiator: 7 }, /of type number/],
    [{ ...ana, scopes: Array.from({ length: 100 }, () => 'x'.repeat(PRINCIPAL_LIMITS.name)) }, /8192 are allowed/],
  ]
  for (const [principal, words] of bad) assert.match(wrongPrincipal(principal)!, words)
})

/** The header that says the same. */
function baggageOf(metadata: Readonly<Record<string, string>>): string {
  return Object.entries(metadata)
    .map(([name, text]) => `${name}=${encodeURIComponent(text)}`)
    .join(',')
}
