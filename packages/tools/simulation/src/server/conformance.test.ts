import { storeConformance } from 'dure/data/conformance'

// What is about SQL alone stands in SQLite's own suite: tables without a primary key are of no use here.
storeConformance('simulated database server', new URL('./database-server.test-support.ts', import.meta.url))
