import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openSearch } from './search.ts'

test('whatever is typed is looked for as text, and what is there is found by any part of it', (t) => {
  const search = openSearch()
  t.after(search.close)
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }), fc.nat(), fc.nat(), (text, from, length) => {
      search.put('p', [{ kind: 'operation', name: 'x', summary: '', text }])
      const part = [...text.normalize('NFC')]
        .slice(from % text.length)
        .slice(0, 1 + (length % 9))
        .join('')
      const found = search.find(part, 10).length
      assert.equal(found, part.trim() === '' ? 0 : 1)
    }),
  )
})

test('a product that is put again or dropped leaves nothing behind, and what there is no room for is said', (t) => {
  const search = openSearch(100_000)
  t.after(search.close)
  const entry = { kind: 'operation', name: 'find', summary: '', text: 'a'.repeat(50_000) } as const
  assert.equal(search.put('large', [entry, entry]), false)
  assert.equal(search.put('large', [entry]), true)
  assert.deepEqual(
    search.find('find', 10).map(({ product }) => product),
    ['large'],
  )
  search.drop('large')
  assert.deepEqual([search.find('find', 10), search.find('aa', 10)], [[], []])
})
