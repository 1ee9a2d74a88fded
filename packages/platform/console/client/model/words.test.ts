import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { en } from '../words/en.ts'
import { fill } from '../words/fill.ts'
import { ko } from '../words/ko.ts'

const client = join(import.meta.dirname, '..')
const placesIn = (text: string): readonly string[] => (text.match(/\{\w+\}/g) ?? []).sort()

test('both languages say all of it, with the same places for what is put in', () => {
  assert.deepEqual(Object.keys(ko).sort(), Object.keys(en).sort())
  for (const [word, text] of Object.entries(en)) {
    assert.deepEqual(placesIn(ko[word as keyof typeof en]), placesIn(text), word)
    assert.ok(text.trim() !== '' && ko[word as keyof typeof en].trim() !== '', word)
  }
})

test('one thing is said as one', () => {
  const letters = (count: number | string): string => fill(en['letters.shown'], { count })
  assert.deepEqual(['0 letters', '1 letter', '2 letters', '1,001 letters'], [0, 1, '2', '1,001'].map(letters))
  assert.equal(fill('{count} {count:letter|letters} of {who}', {}), '{count} {count:letter|letters} of {who}')
  for (const [word, text] of Object.entries(ko)) assert.doesNotMatch(text, /\{\w+:/, `${word}: Korean has no plural`)
  // Whoever writes a text for a number says what one of it is.
  const plain = Object.entries(en).filter(([, text]) => /\{(?:count|times|spans|services)\} (?!series)[a-z]+s\b/.test(text))
  assert.deepEqual(plain, [])
})

test('every text is said somewhere', () => {
  const source = globSync('**/*.{ts,tsx}', { cwd: client, exclude: ['words/**'] })
    .map((path) => readFileSync(join(client, path), 'utf8'))
    .join('\n')
  // What servers name (`level.warn`) is looked for by the part before the point.
  const made = [...source.matchAll(/`([\w.]+\.)\$\{/g), ...source.matchAll(/tell\('(\w+)'/g)].map(([, start]) => start!)
  const isSaid = (word: string): boolean => source.includes(`'${word}'`) || made.some((start) => word.startsWith(start))
  const unsaid = Object.keys(en).filter((word) => !isSaid(word))
  assert.deepEqual(unsaid, [])
})

test('no text of a page stands in the code', () => {
  for (const path of globSync('**/*.tsx', { cwd: client })) {
    const texts = readFileSync(join(client, path), 'utf8').match(/>\s*[A-Z][a-z]+ [a-z]+[^<{}]*</g) ?? []
    assert.deepEqual(texts, [], path)
  }
})
