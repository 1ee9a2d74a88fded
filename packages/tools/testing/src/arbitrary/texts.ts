import fc from 'fast-check'
import type { JsonSchema } from 'dure/contract'

/** Texts within bounds, of a pattern, or of a format. */
export function texts(schema: JsonSchema): fc.Arbitrary<string> {
  const minLength = Number(schema['minLength'] ?? 0)
  const maxLength = Number(schema['maxLength'] ?? Infinity)
  const fits = (text: string): boolean => text.length >= minLength && text.length <= maxLength
  const told = ofFormat(schema['format'])
  const { pattern } = schema
  if (typeof pattern === 'string') {
    const matching = ofPattern(pattern)
    const chosen = matching === undefined ? told : told === undefined ? matching : fc.oneof(told, matching)
    if (chosen !== undefined) return seldomRefused(chosen, fits)
  } else if (told !== undefined) return seldomRefused(told, fits)
  const most = Math.min(maxLength, Math.max(minLength, 24))
  const wide = fc.string({ minLength, maxLength: most, unit: 'binary' })
  const readable = fc.string({ minLength, maxLength: most })
  const few = ['a', 'b', 'A', '1', 'ab'].filter(fits)
  return few.length === 0
    ? fc.oneof(readable, wide)
    : // Few and short ones meet again, which is what makes a second call find what a first one left.
      fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom(...few) },
        { weight: 2, arbitrary: readable },
        { weight: 1, arbitrary: wide },
      )
}

function ofPattern(pattern: string): fc.Arbitrary<string> | undefined {
  try {
    // `u` as JSON Schema wants it: what cannot be read so, or looks around itself, is left to formats and chance.
    return fc.stringMatching(new RegExp(pattern, 'u'), { maxLength: 40 })
  } catch {
    return undefined
  }
}

function ofFormat(format: unknown): fc.Arbitrary<string> | undefined {
  const moment = fc
    .date({ noInvalidDate: true, min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z') })
    .map((date) => date.toISOString())
  switch (format) {
    case 'date-time':
      return moment
    case 'date':
      return moment.map((text) => text.slice(0, 10))
    case 'time':
      return moment.map((text) => text.slice(11, 19))
    case 'uuid':
    case 'guid':
      return fc.uuid()
    case 'email':
      return fc.tuple(word, word).map(([name, host]) => `${name}@${host}.example`)
    case 'uri':
    case 'url':
      return fc.webUrl()
    case 'hostname':
      return fc.domain()
    case 'ipv4':
      return fc.ipV4()
    case 'ipv6':
      return fc.ipV6()
    case 'base64':
      return fc.base64String({ maxLength: 24 })
    default:
      return undefined
  }
}

const word: fc.Arbitrary<string> = fc.stringMatching(/^[a-z]{1,8}$/)

/** Filters while that finds something soon; a few that are too long or too short are no harm, a search without end is. */
function seldomRefused(arbitrary: fc.Arbitrary<string>, fits: (text: string) => boolean): fc.Arbitrary<string> {
  const sample = fc.sample(arbitrary, { numRuns: 50, seed: 1 })
  return sample.filter(fits).length > 10 ? arbitrary.filter(fits) : arbitrary
}
