import { databaseConformance } from '../database.conformance.ts'

databaseConformance('sqlite', new URL('./sqlite.test-support.ts', import.meta.url))
