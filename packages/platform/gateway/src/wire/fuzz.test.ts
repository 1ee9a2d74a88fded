import { test } from 'node:test'
import { fuzzAnswers, fuzzCuts, fuzzRequests } from './fuzz.conformance.ts'

// `npm run peers -- gateway parser` reads 40,000 of each.
test('what we take of a request, Node takes and reads alike', () => fuzzRequests(400))
test('a request is read alike however its bytes are cut', () => fuzzCuts(1_000))
test('what we take of an answer, Node takes and reads alike', () => fuzzAnswers(400))
