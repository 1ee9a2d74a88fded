/** Filters and guards as files have them: by their names, with their options. */
import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { breaker, bulkhead, limit, rateLimit, type Guard } from 'dure/resilience'
import { keycloak } from 'dure/security'
import { bodyLimit, requestLimit } from './filters/bounds.ts'
import { cache } from './filters/cache.ts'
import { compress } from './filters/compress.ts'
import { authorize, tokens, type TokensOptions } from './filters/authorize.ts'
import { apiKeys } from './filters/consumers.ts'
import { cors } from './filters/cors.ts'
import { headers } from './filters/headers.ts'
import { redirect, rewrite } from './filters/paths.ts'
import { shadow } from './filters/shadow.ts'
import type { Filter } from './filter.ts'
import { writtenLogin, writtenLoginStamp, type Elsewhere } from './login-by-name.ts'

type Kind = 'text' | 'number' | 'boolean' | 'object' | 'texts' | 'changes' | readonly string[]
type About = Elsewhere & {
  /** Of the file, which paths in it are relative to. */
  readonly file: string
  /** What it stands in, for messages. */
  readonly name: string
}
type Written<T> = {
  readonly fields: Readonly<Record<string, Kind | readonly [Kind, ...Kind[]]>>
  /** What else it depends on: another text is another one. */
  readonly stamp?: (options: never, about: About) => string
  /** What it cannot do without. */
  readonly needed?: readonly string[]
  readonly make: (options: never, about: About) => T
}

const written = <T, O>(
  fields: Written<T>['fields'],
  make: (options: O, about: About) => T,
  needed: readonly string[] = [],
): Written<T> => ({ fields, make, needed })

const FILTERS: Readonly<Record<string, Written<Filter>>> = {
  headers: written({ request: 'changes', answer: 'changes' }, headers),
  rewrite: written({ path: 'text', strip: 'number', without: 'text', before: 'text' }, rewrite),
  redirect: written({ to: 'text', status: 'number' }, redirect, ['to']),
  cors: written(
    { origins: 'texts', methods: 'texts', headers: 'texts', exposed: 'texts', credentials: 'boolean', maxAge: 'number' },
    (options: { origins: readonly string[] } & Omit<Parameters<typeof cors>[0], 'origins'>) =>
      cors({ ...options, origins: options.origins.includes('*') ? '*' : options.origins }),
    ['origins'],
  ),
  cache: written({ bytes: 'number', largest: 'number', stale: 'number' }, cache),
  compress: written(
    { codings: 'texts', least: 'number', types: 'texts', except: 'texts', credentials: 'boolean', atOnce: 'number' },
    compress,
  ),
  shadow: written({ to: 'text', share: 'number', atOnce: 'number', timeout: 'number' }, shadow, ['to']),
  bodyLimit: written({ bytes: 'number' }, ({ bytes }: { bytes: number }) => bodyLimit(bytes), ['bytes']),
  requestLimit: written({ by: ['consumer', 'address', 'route'], rate: 'number', per: 'number', burst: 'number' }, requestLimit, [
    'rate',
  ]),
  apiKeys: {
    ...written(
      { file: 'text', header: 'text', optional: 'boolean' },
      (options: Parameters<typeof apiKeys>[0], { file }) => apiKeys({ ...options, file: resolve(dirname(file), options.file) }),
      ['file'],
    ),
    // Keys that have changed are read with the routes.
    stamp: (options: { readonly file?: unknown }, { file }: About) => {
      const found = statSync(resolve(dirname(file), String(options.file)), { throwIfNoEntry: false })
      return found === undefined ? '' : `${found.mtimeMs} ${found.size}`
    },
  },
  tokens: written(
    {
      ...{ issuer: 'text', audience: 'texts', keys: 'text', insecure: 'boolean', algorithms: 'texts', types: 'texts' },
      ...{ keycloak: 'text', realm: 'text', optional: 'boolean' },
    },
    writtenTokens,
    ['audience'],
  ),
  authorize: written({ scope: 'text', roles: 'texts' }, authorize),
  login: {
    ...written(
      {
        ...{ issuer: 'text', clientId: 'text', clientSecret: 'object', clientAuthentication: ['basic', 'post'], url: 'text' },
        ...{
          sessions: 'text',
          audit: 'text',
          path: 'text',
          scopes: 'texts',
          resource: 'text',
          parameters: 'object',
          optional: 'boolean',
        },
        ...{ afterLogout: 'text', idle: 'number', absolute: 'number', timeout: 'number', insecure: 'boolean' },
      },
      writtenLogin,
      ['issuer', 'clientId', 'clientSecret', 'url', 'sessions'],
    ),
    stamp: writtenLoginStamp,
  },
}

const GUARDS: Readonly<Record<string, Written<Guard>>> = {
  breaker: written(
    {
      ...{ window: 'object', minimumCalls: 'number', failureRate: 'number', slowCallRate: 'number', slowCall: 'number' },
      ...{ open: 'object', probes: 'number', probeTime: 'number' },
    },
    (options: object, { name }) => breaker({ name, ...options }),
  ),
  rateLimit: written(
    { rate: 'number', per: 'number', burst: 'number' },
    (options: { rate: number }, { name }) => rateLimit({ name, ...options }),
    ['rate'],
  ),
  limit: written({ limit: 'number' }, (options: object, { name }) => limit({ name, ...options })),
  bulkhead: written(
    { concurrency: 'number', queue: 'number', wait: 'number' },
    (options: { concurrency: number }, { name }) => bulkhead({ name, ...options }),
    ['concurrency'],
  ),
}

type WrittenTokens = Omit<TokensOptions, 'audience'> & {
  readonly audience: readonly string[]
  /** Where a Keycloak is, and which realm of it: instead of an issuer. */
  readonly keycloak?: string
  readonly realm?: string
}

function writtenTokens({ keycloak: url, realm, audience, optional, ...issuer }: WrittenTokens): Filter {
  const both = { audience, ...(optional !== undefined && { optional }) }
  if (url === undefined && issuer.issuer !== undefined) return tokens({ ...issuer, ...both })
  if (url === undefined || realm === undefined || Object.keys(issuer).length > 0)
    throw new TypeError('filter "tokens" needs either "issuer", or "keycloak" and "realm" and nothing else of an issuer')
  return tokens({ ...keycloak({ url, realm, audience: audience[0]! }), ...both })
}

/** @throws {TypeError} what is wrong with it, in words that fit behind its name */
export const filterOf = (name: string, options: unknown, about: About): Filter =>
  madeOf('filter', FILTERS, { name, options, about })
/** @throws {TypeError} the same */
export const guardPart = (name: string, options: unknown, about: About): Guard =>
  madeOf('guard', GUARDS, { name, options, about })

/** What a filter depends on besides its options. */
export const stampOf = (name: string, options: unknown, about: About): string =>
  (Object.hasOwn(FILTERS, name) ? FILTERS[name]!.stamp?.((options ?? {}) as never, about) : undefined) ?? ''

function madeOf<T>(
  what: string,
  known: Readonly<Record<string, Written<T>>>,
  { name, options, about }: { readonly name: string; readonly options: unknown; readonly about: About },
): T {
  const no = (why: string): never => {
    throw new TypeError(why)
  }
  if (!Object.hasOwn(known, name)) no(`there is no ${what} "${name}" in files; there are ${Object.keys(known).join(', ')}`)
  const { fields, needed = [], make } = known[name]!
  const given: unknown = options ?? {}
  if (typeof given !== 'object' || Array.isArray(given)) no(`the options of ${what} "${name}" are no object`)
  for (const [field, value] of Object.entries(given as object)) {
    if (!Object.hasOwn(fields, field)) no(`${what} "${name}" has no "${field}"; it has ${Object.keys(fields).join(', ')}`)
    const why = wrongKind(value, fields[field]! as Kind)
    if (why !== undefined) no(`"${field}" of ${what} "${name}" ${why}`)
  }
  for (const field of needed) if (!Object.hasOwn(given as object, field)) no(`${what} "${name}" needs "${field}"`)
  return make(given as never, about)
}

function wrongKind(value: unknown, kind: Kind): string | undefined {
  if (typeof kind !== 'string') return kind.includes(value as string) ? undefined : `is none of ${kind.join(', ')}`
  const is = {
    text: () => typeof value === 'string',
    number: () => typeof value === 'number',
    boolean: () => typeof value === 'boolean',
    object: () => isObject(value),
    texts: () => Array.isArray(value) && value.every((each) => typeof each === 'string'),
    changes: () => isObject(value) && Object.values(value).every(isChange),
  }[kind]
  if (is()) return undefined
  if (kind === 'changes') return 'is no object of fields; give each a text, false to take it out, or { add: text }'
  return kind === 'texts' ? 'is no list of texts' : `is no ${kind}`
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value)
const isChange = (value: unknown): boolean =>
  typeof value === 'string' ||
  value === false ||
  (isObject(value) && Object.keys(value).length === 1 && typeof (value as { readonly add?: unknown }).add === 'string')
