import assert from 'node:assert/strict'
import { test } from 'node:test'
import { harmless } from './format.ts'

test('what controls a terminal or hides is replaced; pictures made of several stay whole', () => {
  assert.equal(harmless('👩‍👩‍👧 👩🏽‍💻 ❤️‍🔥'), '👩‍👩‍👧 👩🏽‍💻 ❤️‍🔥')
  assert.equal(harmless('a\u200Db\u202Ec\u001B[31m'), 'a?b?c?[31m')
})
