/** The rules of a shared cache: RFC 9111, and 5861 for answers that are given when there is no other. */
import { codingsOf } from '../accepted.ts'

export type FieldReader = (name: string) => string | undefined
export type Directives = ReadonlyMap<string, string>

/** A name, and perhaps a value, which may be quoted. */
const DIRECTIVE = /([!#$%&'*+\-.^_`|~\w]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?/g
/** Of those that mean a time, more than any. */
const MOST_SECONDS = 2_147_483_648
const NOTHING: Directives = new Map()

/** Reads Cache-Control. One that is said twice in two ways means nothing that could be counted on: its value is then none. */
export function directivesOf(field: string | undefined): Directives {
  if (field === undefined) return NOTHING
  const found = new Map<string, string>()
  for (const [, name = '', quoted, plain] of field.matchAll(DIRECTIVE)) {
    const [key, value] = [name.toLowerCase(), quoted ?? plain ?? '']
    found.set(key, found.has(key) && found.get(key) !== value ? '' : value)
  }
  return found
}

/** Milliseconds; 0 when it is no number: then it is old at once. */
const msOf = (value: string): number => (/^\d+$/.test(value) ? Math.min(Number(value), MOST_SECONDS) * 1_000 : 0)

/** What must be said outright of an answer of a status: there is no body that is one, or it is of this moment. */
const STATUSES: ReadonlySet<number> = new Set([200, 203, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501])

/** For how long an answer may be given again: milliseconds from when it was made. */
export type Lifetime = {
  readonly fresh: number
  /** Beyond that, when there is no other. */
  readonly stale: number
  /** How old it was when it came. */
  readonly age: number
  /** It may be given to whoever says who it is. */
  readonly forKnown: boolean
}

/**
 * Whether, and for how long, an answer to a GET may be kept for others. Only what says so itself is: no guess is made from when something
 * was changed last.
 * @param known the request says whose it is
 * @param now milliseconds since the epoch
 */
export function lifetimeOf(about: {
  readonly status: number
  readonly request: FieldReader
  readonly answer: FieldReader
  readonly known: boolean
  /** Milliseconds, where the answer says nothing of it. */
  readonly stale: number
  readonly now: number
}): Lifetime | undefined {
  const { status, request, answer, known, now } = about
  const said = directivesOf(answer('cache-control'))
  if (!STATUSES.has(status) || directivesOf(request('cache-control')).has('no-store')) return undefined
  if (said.has('no-store') || said.has('private') || answer('set-cookie') !== undefined) return undefined
  const forKnown = ['public', 's-maxage', 'must-revalidate'].some((each) => said.has(each))
  if (known && !forKnown) return undefined
  if (answer('vary')?.includes('*') === true) return undefined
  const fresh = freshOf(said, answer, now)
  if (fresh === undefined) return undefined
  const validates = said.has('no-cache') || (said.size === 0 && /no-cache/i.test(answer('pragma') ?? ''))
  const strict = validates || ['must-revalidate', 'proxy-revalidate', 's-maxage'].some((each) => said.has(each))
  const onError = said.get('stale-if-error')
  return {
    fresh: validates ? 0 : fresh,
    stale: strict ? 0 : onError === undefined ? about.stale : msOf(onError),
    age: msOf(answer('age')?.trim() ?? '0'),
    forKnown,
  }
}

function freshOf(said: Directives, answer: FieldReader, now: number): number | undefined {
  const age = said.get('s-maxage') ?? said.get('max-age')
  if (age !== undefined) return msOf(age)
  const expires = answer('expires')
  if (expires === undefined) return said.has('no-cache') ? 0 : undefined
  const from = Date.parse(answer('date') ?? '')
  const to = Date.parse(expires)
  return Number.isNaN(to) ? 0 : Math.max(0, to - (Number.isNaN(from) ? now : from))
}

/** What a client says of how old an answer may be that it takes. */
export type Terms = {
  /** It must not be older than that. */
  readonly oldest: number
  /** It must stay fresh for that long. */
  readonly freshFor: number
  /** It wants no other than one that is there. */
  readonly onlyStored: boolean
}

export function termsOf(request: FieldReader): Terms {
  const field = request('cache-control')
  if (field === undefined && request('pragma') === undefined) return ANY
  const said = directivesOf(field)
  const fromOrigin = said.has('no-cache') || (field === undefined && /no-cache/i.test(request('pragma')!))
  const oldest = said.get('max-age')
  return {
    oldest: fromOrigin ? -1 : oldest === undefined ? Number.POSITIVE_INFINITY : msOf(oldest),
    freshFor: msOf(said.get('min-fresh') ?? '0'),
    onlyStored: said.has('only-if-cached'),
  }
}

const ANY: Terms = { oldest: Number.POSITIVE_INFINITY, freshFor: 0, onlyStored: false }

/** Whether an answer of an age is one that a client takes without its being asked for again. */
export const satisfies = ({ fresh }: Lifetime, age: number, terms: Terms): boolean =>
  age <= terms.oldest && age + terms.freshFor < fresh

/** What of a request an answer depends on, as it says: names with their values. */
export function variesBy(vary: string | undefined, request: FieldReader): readonly (readonly [name: string, value: string])[] {
  if (vary === undefined) return []
  const names = new Set(
    vary
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  )
  return [...names]
    .filter((name) => name !== '')
    .toSorted()
    .map((name) => [name, valueOf(name, request)] as const)
}

/** Who takes the same codings, in whatever words, gets the same. */
export function valueOf(name: string, request: FieldReader): string {
  const value = request(name)
  if (value === undefined) return '\0'
  return name === 'accept-encoding' ? codingsOf(value) : value
}

/** Whether a client has the answer already: RFC 9110, section 13. */
export function hasIt(request: FieldReader, answer: FieldReader): boolean {
  const tags = request('if-none-match')
  const own = answer('etag')
  if (tags !== undefined) {
    if (tags.trim() === '*') return true
    return own !== undefined && tagsOf(tags).includes(weakOf(own))
  }
  const since = Date.parse(request('if-modified-since') ?? '')
  const changed = Date.parse(answer('last-modified') ?? '')
  return !Number.isNaN(since) && !Number.isNaN(changed) && changed <= since
}

const weakOf = (tag: string): string => tag.replace(/^W\//, '')
const tagsOf = (field: string): readonly string[] => Array.from(field.matchAll(/(?:W\/)?("[^"]*")/g), ([, tag = '']) => tag)
