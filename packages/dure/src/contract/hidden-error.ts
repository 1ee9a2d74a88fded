import { withoutValues, type Found } from './private.ts'
import { describeThrown, isInstance, partOf } from './thrown.ts'

/** Causes of causes that are looked through; one may be its own. */
const DEEPEST = 5

/**
 * What was thrown, as it may be told where these values may not: the same kind of error with the same fields, whose words and stack are
 * without them. The same value when none is in them.
 */
export function withoutPrivate(thrown: unknown, found: readonly Found[], depth: number = 0): unknown {
  if (found.length === 0) return thrown
  if (typeof thrown === 'string') return withoutValues(thrown, found)
  if (!isInstance(thrown, Error) || depth > DEEPEST) return thrown
  const { message, stack } = describeThrown(thrown)
  const cause = partOf(thrown, 'cause')
  const told = {
    message: withoutValues(message, found),
    stack: stack === undefined ? undefined : withoutValues(stack, found),
    cause: withoutPrivate(cause, found, depth + 1),
  }
  if (told.message === message && told.stack === stack && told.cause === cause) return thrown
  // It stays what it is for whoever asks; only its words are others.
  return Object.create(thrown, Object.fromEntries(Object.entries(told).map(([name, value]) => [name, { value }]))) as unknown
}
