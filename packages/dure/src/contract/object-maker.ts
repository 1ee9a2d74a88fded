import { setKey } from './unknown.ts'

/**
 * Makes objects of the same keys from their values, in that order. Where code may be made from text, as `quick.ts` makes it, all
 * of them are of one shape and made in one step.
 */
export function objectMaker(keys: readonly string[]): (values: readonly unknown[]) => Record<string, unknown> {
  const fields = keys.map((key, at) => `${propertyText(key)}: values[${at}]`)
  try {
    // Of the contract only keys get into the text, each written as JSON.
    return new Function('values', `return { ${fields.join(', ')} }`) as ReturnType<typeof objectMaker>
  } catch (error) {
    if (!(error instanceof EvalError)) throw error
    return (values) => {
      const object: Record<string, unknown> = {}
      for (const [at, key] of keys.entries()) setKey(object, key, values[at])
      return object
    }
  }
}

/** A key of an object as code has it: "__proto__" is a key like all others. */
export function propertyText(key: string): string {
  return key === '__proto__' ? '["__proto__"]' : JSON.stringify(key)
}
