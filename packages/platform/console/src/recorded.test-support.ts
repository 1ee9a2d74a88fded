/** A system as operators' contracts tell of it, made up: to look at pages with much on them, and at the largest traces. */
import type { Answers } from './recorded/basis.test-support.ts'
import { messages } from './recorded/messages.test-support.ts'
import { observed } from './recorded/observed.test-support.ts'
import { parts } from './recorded/parts.test-support.ts'
import { traces } from './recorded/traces.test-support.ts'

export const recorded: Answers = { ...observed, ...traces, ...messages, ...parts }
