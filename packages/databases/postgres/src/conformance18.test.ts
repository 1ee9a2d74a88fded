import { databaseConformance } from 'dure/data/conformance'
import { announce } from './adapter.test-support.ts'
import { RELAXED, testServer } from './server.test-support.ts'

announce(18, (await testServer({ version: 18, settings: RELAXED })).url())
databaseConformance('postgres 18', new URL('./adapter18.test-support.ts', import.meta.url))
