/** One process of the small shop: which part, its words say. */
import { shop } from './shop.test-support.ts'
import { runPart } from './supervised-system.test-support.ts'

await runPart(shop())
