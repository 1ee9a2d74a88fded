/** What `suite.test.ts` runs as a user's test file would be: a suite over a small system, which may be told to answer otherwise elsewhere. */
import { contract, query } from 'dure/contract'
import { service, system } from 'dure/service'
import { z } from 'zod'
import { placements, placementSuite } from './placement.ts'

const name = z.string()
const Greeter = contract('greeter', {
  version: '1.0.0',
  owner: 'tests',
  operations: { greet: query({ input: name, output: name }) },
})
const Counter = contract('counter', {
  version: '1.0.0',
  owner: 'tests',
  operations: { size: query({ input: name, output: z.int() }) },
})

// A child of the suite is told so by its channel; what it answers must not depend on it.
const elsewhere = process.send !== undefined && process.env['SUITE_DIFFERS'] !== undefined

export const greetings = system('greetings', {
  services: [
    service(Greeter, { handlers: { greet: (who) => (elsewhere ? `Bye, ${who}` : `Hello, ${who}`) } }),
    service(Counter, { handlers: { size: (text) => text.length } }),
  ],
})

if (import.meta.main)
  placementSuite({
    system: greetings,
    file: import.meta.filename,
    name: 'greetings',
    placements: [placements.unix!, placements.process!],
    runs: 4,
    attempts: 20,
  })
