import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numbered } from './names.ts'

test('question marks become numbers, outside strings, names and comments', () => {
  const cases: Readonly<Record<string, string>> = {
    'SELECT 1': 'SELECT 1',
    'a = ? AND b = ?': 'a = $1 AND b = $2',
    "a = 'why?' AND b = ?": "a = 'why?' AND b = $1",
    "a = 'it''s?' AND b = ?": "a = 'it''s?' AND b = $1",
    "a = E'it\\'s?' AND b = ?": "a = E'it\\'s?' AND b = $1",
    "a = 'back\\' AND b = ?": "a = 'back\\' AND b = $1",
    '"why?" = ?': '"why?" = $1',
    '"a""?" = ?': '"a""?" = $1',
    'a = ? -- why?\n AND b = ?': 'a = $1 -- why?\n AND b = $2',
    'a = ? /* why? /* deeper? */ still? */ AND b = ?': 'a = $1 /* why? /* deeper? */ still? */ AND b = $2',
    'a = ? /* never ends ?': 'a = $1 /* never ends ?',
    'a = $$ why? $$ AND b = ?': 'a = $$ why? $$ AND b = $1',
    'a = $x$ $$ why? $$ $x$ AND b = ?': 'a = $x$ $$ why? $$ $x$ AND b = $1',
    "types = 'e' AND rate = ?": "types = 'e' AND rate = $1",
    "namee'x?' = ?": "namee'x?' = $1",
  }
  for (const [sql, wanted] of Object.entries(cases)) assert.equal(numbered(sql), wanted)
  // The second time it comes from memory.
  for (const [sql, wanted] of Object.entries(cases)) assert.equal(numbered(sql), wanted)
})
