import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { errorsPage, path } from './page.ts'

test('the page of errors says what the code says', () => {
  assert.equal(readFileSync(path, 'utf8'), errorsPage(), 'run `npm run docs:errors`')
  assert.match(errorsPage(), /\| `UNAUTHENTICATED` \| 401 \| no \|/)
})
