import assert from 'node:assert/strict'
import { RESERVED } from 'dure/data/internal'
import { onPlaces } from '../place.test-support.ts'
import { VERSIONS } from '../server.test-support.ts'

const check = await onPlaces({ versions: VERSIONS, settings: {}, furnish: (place) => place })

check('every word that the server takes for a name in quotes only is known as reserved', async ({ pool }) => {
  const { rows } = await pool.query<{ word: string }>("SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')")
  assert.ok(rows.length > 90)
  assert.deepEqual(
    rows.map(({ word }) => word).filter((word) => !RESERVED.has(word)),
    [],
  )
})
