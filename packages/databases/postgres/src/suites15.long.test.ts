import { suitesOn } from './suites.test-support.ts'

await suitesOn(15, 'others')
