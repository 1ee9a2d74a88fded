import { test } from 'node:test'
import { checkPlacement } from '@dure/testing'
import { assertAlike, shop } from './placement.test-support.ts'

test('the marketplace answers alike together, over sockets and in another process', async () => {
  const file = new URL('placement.test-support.ts', import.meta.url)
  // What does not depend on a contract is asked where the suite itself is tested.
  assertAlike(await checkPlacement({ system: shop, file, name: 'shop', runs: 2, seed: 11 }))
})
