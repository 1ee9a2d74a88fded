/** Pact V4 files: read, matched, and written. https://github.com/pact-foundation/pact-specification/tree/version-4 */
export { PactError } from './error.ts'
export { received } from './content.ts'
export { matchMessage, matchRequest, matchResponse } from './match.ts'
export { readMessage, readPact, readRequest, readResponse, refuseTooLarge } from './read.ts'
export type { HttpInteraction, Interaction, MessageInteraction, Pact, State } from './read.ts'
export type { Mismatch } from './values.ts'
export { pactText, type WrittenInteraction, type WrittenRules } from './write.ts'
