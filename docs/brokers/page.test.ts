import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { brokersPage, path } from './page.ts'

test('the page of brokers says what their adapters say', async () => {
  const page = await brokersPage()
  assert.equal(readFileSync(path, 'utf8'), page, 'run `npm run docs:brokers`')
  assert.match(page, /\| `log` \| .* \| yes \|/)
})
