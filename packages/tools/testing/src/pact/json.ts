/** JSON that was expected and JSON that came, under rules. */
import { isDeepStrictEqual } from 'node:util'
import { placeText, type Place } from './path.ts'
import { rulesFor, type Category, type Found, type Rule } from './rules.ts'
import { bounds, like, missed, shown, type Mismatch } from './values.ts'

export type JsonMatch = {
  readonly rules: Category
  /** Whether fields that were not expected are wrong: in requests they are. */
  readonly strict: boolean
}

type Fields = Readonly<Record<string, unknown>>

/** More differences than that say nothing new. */
const MOST = 50

export function matchJson(expected: unknown, actual: unknown, options: JsonMatch, place: Place = []): readonly Mismatch[] {
  const found = rulesFor(options.rules, place)
  if (found === undefined) return byExample(expected, actual, options, place)
  const results = found.rules.map((rule) => byRule(rule, found, expected, actual, options, place))
  if (found.combine === 'OR') return results.find((one) => one.length === 0) ?? results[0] ?? []
  // Rules that lead on into the same parts find the same there.
  return results.flat().filter((one, at, all) => all.findIndex((other) => isDeepStrictEqual(one, other)) === at)
}

function byExample(expected: unknown, actual: unknown, options: JsonMatch, place: Place): readonly Mismatch[] {
  if (Array.isArray(expected) && Array.isArray(actual)) {
    if (expected.length !== actual.length)
      return [miss(place, `${expected.length} elements`, `${actual.length}: ${shown(actual)}`)]
    return limited(expected.map((one, at) => matchJson(one, actual[at], options, [...place, at])))
  }
  if (isFields(expected) && isFields(actual)) return matchFields(expected, actual, options, place)
  return isDeepStrictEqual(expected, actual) ? [] : [miss(place, shown(expected), shown(actual))]
}

function byRule(
  rule: Rule,
  { above }: Found,
  expected: unknown,
  actual: unknown,
  options: JsonMatch,
  place: Place,
): readonly Mismatch[] {
  if (rule.match === 'equality') return isDeepStrictEqual(expected, actual) ? [] : [miss(place, shown(expected), shown(actual))]
  if (Array.isArray(expected) && Array.isArray(actual)) return elements(rule, above, expected, actual, options, place)
  if (isFields(expected) && isFields(actual)) return parts(rule, above, expected, actual, options, place)
  const wanted = missed(rule, expected, actual, above)
  return wanted === undefined ? [] : [miss(place, wanted, shown(actual))]
}

function elements(
  rule: Rule,
  above: boolean,
  expected: readonly unknown[],
  actual: readonly unknown[],
  options: JsonMatch,
  place: Place,
): readonly Mismatch[] {
  switch (rule.match) {
    case 'arrayContains':
      return rule.variants.flatMap(({ index, rules }) =>
        actual.some((one) => matchJson(expected[index], one, { ...options, rules }).length === 0)
          ? []
          : [miss(place, `an element like ${shown(expected[index])}`, shown(actual))],
      )
    case 'eachValue':
      return limited(actual.map((one, at) => each(rule.rules, expected[0], one, options, [...place, at])))
    case 'notEmpty':
      if (actual.length === 0) return [miss(place, 'an array that is not empty', '[]')]
      break
    case 'type': {
      const { min = 0, max = Infinity } = above ? {} : rule
      if (actual.length < min || actual.length > max)
        return [miss(place, `${bounds(min, max)} elements`, `${actual.length}: ${shown(actual)}`)]
      break
    }
    case 'values':
      break
    default: {
      const wanted = missed(rule, expected, actual, above)
      return wanted === undefined ? [] : [miss(place, wanted, shown(actual))]
    }
  }
  // Beyond the examples the first stands for all.
  if (expected.length === 0) return []
  return limited(
    actual.map((one, at) => matchJson(at < expected.length ? expected[at] : expected[0], one, options, [...place, at])),
  )
}

function parts(
  rule: Rule,
  above: boolean,
  expected: Fields,
  actual: Fields,
  options: JsonMatch,
  place: Place,
): readonly Mismatch[] {
  const [example] = Object.values(expected)
  switch (rule.match) {
    case 'values':
      return limited(
        Object.entries(actual).map(([key, value]) =>
          matchJson(Object.hasOwn(expected, key) ? expected[key] : example, value, options, [...place, key]),
        ),
      )
    case 'eachValue':
      return limited(
        Object.entries(actual).map(([key, value]) =>
          each(rule.rules, Object.hasOwn(expected, key) ? expected[key] : example, value, options, [...place, key]),
        ),
      )
    case 'eachKey':
      return [
        ...Object.keys(actual).flatMap((key) =>
          rule.rules.flatMap((one) => {
            const wanted = missed(one, Object.keys(expected)[0], key, false)
            return wanted === undefined ? [] : [miss(place, `a key that is ${wanted}`, shown(key))]
          }),
        ),
        ...limited(
          Object.entries(actual).map(([key, value]) =>
            matchJson(Object.hasOwn(expected, key) ? expected[key] : example, value, options, [...place, key]),
          ),
        ),
      ]
    case 'notEmpty':
    case 'type':
      if (rule.match === 'notEmpty' && Object.keys(actual).length === 0) return [miss(place, 'an object that is not empty', '{}')]
      return matchFields(expected, actual, options, place)
    default: {
      const wanted = missed(rule, expected, actual, above)
      return wanted === undefined ? [] : [miss(place, wanted, shown(actual))]
    }
  }
}

/** Rules of each value, and what is inside of it. */
function each(rules: readonly Rule[], expected: unknown, actual: unknown, options: JsonMatch, place: Place): readonly Mismatch[] {
  const found = { combine: 'AND' as const, rules, above: false }
  return rules.flatMap((rule) => byRule(rule, found, expected, actual, options, place))
}

function matchFields(expected: Fields, actual: Fields, options: JsonMatch, place: Place): readonly Mismatch[] {
  const more = options.strict ? Object.keys(actual).filter((key) => !Object.hasOwn(expected, key)) : []
  return limited([
    ...Object.entries(expected).map(([key, value]) =>
      Object.hasOwn(actual, key)
        ? matchJson(value, actual[key], options, [...place, key])
        : [miss([...place, key], like(value), 'nothing: the field is missing')],
    ),
    ...more.map((key) => [miss([...place, key], 'no such field', shown(actual[key]))]),
  ])
}

function limited(found: readonly (readonly Mismatch[])[]): readonly Mismatch[] {
  return found.flat().slice(0, MOST)
}

function miss(place: Place, expected: string, got: string): Mismatch {
  return { where: placeText(place), expected, got }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
