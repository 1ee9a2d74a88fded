import { test } from 'node:test'
import { lookAtEmptyPages, lookAtPages, LOOKS } from './all-pages.test-support.ts'
import { openBrowser, skip } from '@dure/testing/browser'
import { openOnce } from './open-once.test-support.ts'

const browser = openOnce(openBrowser)

for (const look of Object.keys(LOOKS) as (keyof typeof LOOKS)[])
  test(`every page, ${look}: axe finds nothing with all of its rules`, { skip, timeout: 600_000 }, async () => {
    await lookAtPages(await browser(), look, 'all')
  })

for (const look of Object.keys(LOOKS) as (keyof typeof LOOKS)[])
  test(`pages of lists with nothing in them, ${look}: each says so`, { skip, timeout: 600_000 }, async () => {
    await lookAtEmptyPages(await browser(), look)
  })
