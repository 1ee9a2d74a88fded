import { databaseConformance } from 'dure/data/conformance'
import { announce } from './adapter.test-support.ts'
import { RELAXED, testServer } from './server.test-support.ts'

announce(15, (await testServer({ version: 15, settings: RELAXED })).url())
databaseConformance('postgres 15', new URL('./adapter15.test-support.ts', import.meta.url))
