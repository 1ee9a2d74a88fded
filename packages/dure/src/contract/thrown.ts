/**
 * Looking at what was thrown. A program may throw anything: a Proxy whose traps throw, an Error with a getter that throws,
 * a value that has no text. Nothing here throws, whatever it is handed.
 */

/** What `instanceof` says; a value that does not let itself be asked is no instance of anything. */
export function isInstance<T>(value: unknown, type: abstract new (...given: never[]) => T): value is T {
  try {
    return Function.prototype[Symbol.hasInstance].call(type, value)
  } catch {
    return false
  }
}

/** What was thrown, as plain texts that every store and wire can hold. */
export type Thrown = {
  readonly name: string
  readonly message: string
  /** Of an Error that has one. */
  readonly stack: string | undefined
  /** `TypeError: it has no price`; of what is no Error its text alone. */
  readonly words: string
}

/** Characters of each text; more are cut, and what is stored or sent of them is as a rule shorter still. */
const LONGEST = 16_000

/** What was thrown, in words: those of an Error are its own, anything else is told by its text. */
export function describeThrown(value: unknown): Thrown {
  if (!isInstance(value, Error)) {
    const message = textOf(value)
    return { name: 'UNKNOWN', message, stack: undefined, words: message }
  }
  const name = textOf(partOf(value, 'name'))
  const message = textOf(partOf(value, 'message'))
  const stack = partOf(value, 'stack')
  return { name, message, stack: typeof stack === 'string' ? textOf(stack) : undefined, words: `${name}: ${message}` }
}

/** A field of a value that may not let itself be read; `undefined` then. */
export function partOf(value: unknown, key: string): unknown {
  try {
    return (value as Readonly<Record<string, unknown>> | null | undefined)?.[key]
  } catch {
    return undefined
  }
}

function textOf(value: unknown): string {
  try {
    return String(value).slice(0, LONGEST).toWellFormed().replaceAll('\0', '')
  } catch {
    return 'a value that has no text'
  }
}
