import { test } from 'node:test'
import { databaseConformance } from 'dure/data/conformance'
import { announce } from './adapter.test-support.ts'
import { missing15, RELAXED, testServer } from './server.test-support.ts'

if (missing15 === false) {
  announce(15, (await testServer({ version: 15, settings: RELAXED })).url())
  databaseConformance('postgres 15', new URL('./adapter15.test-support.ts', import.meta.url))
} else test('database conformance: postgres 15', { skip: missing15 })
