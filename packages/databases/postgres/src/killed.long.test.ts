import { suitesOn } from './suites.test-support.ts'

await suitesOn(18, 'killed')
