/** One rule and one value. */
import { isDeepStrictEqual } from 'node:util'
import type { Rule } from './rules.ts'

/** How a value misses what was expected. */
export type Mismatch = {
  /** `$.orders[0].name`, `header "content-type"`, `status` */
  readonly where: string
  readonly expected: string
  readonly got: string
}

/** What a rule asks for, when a value that has no parts does not meet it; undefined when it does. */
export function missed(rule: Rule, expected: unknown, actual: unknown, above: boolean): string | undefined {
  const text = textOf(actual)
  const not = (ok: boolean, wanted: string): string | undefined => (ok ? undefined : wanted)
  switch (rule.match) {
    case 'equality':
      return not(isDeepStrictEqual(expected, actual), shown(expected))
    case 'type': {
      if (typeName(expected) !== typeName(actual)) return like(expected)
      if (above || !Array.isArray(actual)) return undefined
      const { min = 0, max = Infinity } = rule
      return not(actual.length >= min && actual.length <= max, `${bounds(min, max)} elements`)
    }
    case 'regex':
      return not(text !== undefined && rule.regex.test(text), `text that matches ${rule.regex.source.slice(4, -2)}`)
    case 'include':
      return not(text?.includes(rule.value) === true, `text with ${shown(rule.value)} in it`)
    case 'date':
    case 'time':
    case 'datetime':
      return not(typeof actual === 'string' && rule.fits(actual), `a ${rule.match} as "${rule.format}"`)
    case 'integer':
      return not(Number.isInteger(actual), 'a whole number')
    case 'decimal':
    case 'number':
      return not(Number.isFinite(actual), rule.match === 'number' ? 'a number' : 'a decimal number')
    case 'boolean':
      return not(typeof actual === 'boolean' || actual === 'true' || actual === 'false', 'true or false')
    case 'null':
      return not(actual === null, 'null')
    case 'notEmpty':
      return not(!isEmpty(actual), `${article(typeName(expected))} that is not empty`)
    case 'semver':
      return not(typeof actual === 'string' && SEMVER.test(actual), 'a semantic version')
    case 'statusCode':
      return not(isStatus(rule.status, Number(actual)), `a status of ${[rule.status].flat().join(', ')}`)
    case 'contentType':
      return 'a body of its own'
    case 'arrayContains':
    case 'eachKey':
    case 'eachValue':
    case 'values':
      return above
        ? missed({ match: 'type' }, expected, actual, true)
        : `${rule.match === 'arrayContains' ? 'an array' : 'a value'} with parts`
  }
}

/** The same where there is nothing but text (queries, headers, XML): a number is what looks like one. */
export function missedText(rule: Rule, expected: string, actual: string, above: boolean): string | undefined {
  if (rule.match === 'integer' || rule.match === 'decimal' || rule.match === 'number') {
    const looks = rule.match === 'integer' ? /^-?\d+$/ : /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/
    return looks.test(actual) ? undefined : missed(rule, expected, actual, above)
  }
  if (rule.match === 'null') return actual === '' ? undefined : 'nothing'
  return missed(rule, expected, actual, above)
}

function isStatus(wanted: string | readonly number[], status: number): boolean {
  if (typeof wanted !== 'string') return wanted.includes(status)
  const hundred = Math.floor(status / 100)
  if (wanted === 'nonError') return status >= 100 && status < 400
  if (wanted === 'error') return status >= 400 && status < 600
  return ['info', 'success', 'redirect', 'clientError', 'serverError'].indexOf(wanted) === hundred - 1
}

// https://semver.org
const SEMVER =
  /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*))*)?(?:\+[\da-zA-Z-]+(?:\.[\da-zA-Z-]+)*)?$/

export function bounds(min: number, max: number): string {
  if (max === Infinity) return `${min} or more`
  return min === max ? `${min}` : `${min} to ${max}`
}

/** `a number like 5` */
export function like(value: unknown): string {
  return `${article(typeName(value))} like ${shown(value)}`
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'array'
  return typeof value === 'string' ? 'text' : typeof value
}

function article(type: string): string {
  return type === 'null' || type === 'text' || type === 'nothing' ? type : `${/^[ao]/.test(type) ? 'an' : 'a'} ${type}`
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || value === '' || (typeof value === 'object' && Object.keys(value).length === 0)
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' || value === null ? String(value) : undefined
}

/** A value in a message, as short as a line. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}
