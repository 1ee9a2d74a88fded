import { BYTES, checkNumbers, KEEP } from 'dure/runtime/internal'
import type { Family, Reading } from 'dure/telemetry'
import { filter, type Filter, type FilterParts, type FilterWorld, type GatewayAnswer, type GatewayRequest } from '../filter.ts'
import { problem, type Answer, type MakeStage } from '../proxy/proxy.ts'
import { createFlights } from './caching/flights.ts'
import { hasIt, lifetimeOf, satisfies, valueOf, variesBy, termsOf, type FieldReader, type Terms } from './caching/rules.ts'
import { createStore, type StoredAnswer, type Store } from './caching/store.ts'

export type CacheOptions = {
  /** Of all that is kept: bytes. Default 64 MiB. */
  readonly bytes?: number
  /** Of one answer: bytes; a longer one is not kept. Default 1 MiB. */
  readonly largest?: number
  /**
   * Milliseconds for which an answer that is not fresh any more is given while there is no other, where the answer itself says nothing
   * of it (`stale-if-error`). Default 0: it is not.
   */
  readonly stale?: number
}

const ANSWERS: Family = {
  name: 'dure.gateway.cache',
  unit: '{request}',
  kind: 'counter',
  help: 'Requests by what a cache did: hit, stale (there was no other), revalidated, miss, passed (not its business)',
}
const SIZE: Family = { name: 'dure.gateway.cache.size', unit: 'By', kind: 'gauge', help: 'Bytes of answers that are kept' }

/** Times that a request waits for another one's answer, before it goes by itself. */
const MOST_ROUNDS = 3
const UNAVAILABLE: ReadonlySet<number> = new Set([500, 502, 503, 504])
const CONDITIONS = ['if-none-match', 'if-modified-since'] as const
/** What a cache leaves to whoever is asked. */
const FOR_OTHERS = ['range', 'if-range', 'if-match', 'if-unmodified-since', 'upgrade'] as const
/** Of an answer that says that nothing has changed: RFC 9110, section 15.4.5. */
const UNCHANGED = ['cache-control', 'content-location', 'date', 'etag', 'expires', 'last-modified', 'vary', 'age', 'cache-status']

/** A request that is passed on, and whose answer others may wait for. */
type Asking = {
  readonly key: string
  readonly flight: string
  /** What was kept before, and is asked for again. */
  readonly before: StoredAnswer | undefined
  readonly at: number
  /** Others may wait for its answer, and it asks whether what was kept before is still so. */
  readonly shared: boolean
  /** What its client has said that it has already. */
  readonly conditions: ReadonlyMap<string, string>
  /** Those who wait go on. True: nobody has answered, and what was kept is given. */
  readonly release: (stale?: boolean) => void
}

/**
 * Gives answers again without asking, as long as they say that they may be (RFC 9111, as a cache that many share): by `Cache-Control`,
 * `Expires`, `Vary`, `Age`, with `ETag` and `Last-Modified` to ask again. What is private, or for whoever a filter or `Authorization` knows,
 * is kept only where it says `public`. Of requests for the same at once, one is passed on. It stands behind the filters that find out
 * consumers and change requests, and before `compress`, whose work it keeps.
 * @throws {TypeError} when a number cannot be used
 *
 * @example
 * ```ts
 * import { cache, compress } from '@dure/gateway'
 *
 * const routes = { stock: { prefix: '/stock', to: 'stock', filters: [cache({ bytes: 16_000_000, stale: 60_000 }), compress()] } }
 * console.log(routes.stock.filters.map(({ name }) => name)) // → [ 'cache', 'compress' ]
 * ```
 */
export function cache({ bytes = 67_108_864, largest = 1_048_576, stale = 0 }: CacheOptions = {}): Filter {
  checkNumbers('cache answers', { bytes, largest, stale }, { bytes: BYTES, largest: BYTES, stale: { ...KEEP, least: 0 } })
  return filter('cache', (world) => createCache({ store: createStore(bytes), largest, stale, world }))
}

type Opened = { readonly store: Store; readonly largest: number; readonly stale: number; readonly world: FilterWorld }

function createCache(options: Opened): FilterParts {
  const { store, largest, world } = options
  const { clock } = world.runtime
  const count = counting(world, store)
  const flights = createFlights(clock)
  const asking = new WeakMap<GatewayRequest, Asking>()

  const ageOf = ({ at, lifetime }: StoredAnswer): number => clock.monotonic() - at + lifetime.age

  const look = (request: GatewayRequest, terms: Terms, rounds: number): Answer | undefined | Promise<Answer | undefined> => {
    const read = request.passedHeader
    const key = keyOf(request)
    const known = isKnown(request)
    const fits = ({ route, varies, lifetime }: StoredAnswer): boolean =>
      route === request.route && (!known || lifetime.forKnown) && varies.every(([name, value]) => valueOf(name, read) === value)
    const before = store.find(key, fits)
    if (before !== undefined && satisfies(before.lifetime, ageOf(before), terms)) {
      count('hit')
      return given(before, { age: ageOf(before), request: read, how: 'hit' })
    }
    if (terms.onlyStored) return problem(504, 'UNAVAILABLE', 'There is no answer of this that is kept')
    const flight = JSON.stringify([key, request.route, known, store.names(key).map((name) => valueOf(name, read))])
    const conditions = conditionsOf(request)
    const alone = request.method === 'HEAD' || (before === undefined && conditions.size > 0)
    const asked = { key, flight, before, at: clock.monotonic(), conditions }
    const joined = alone || rounds === 0 ? undefined : flights.join(flight)
    if (joined !== undefined && 'waits' in joined) {
      // Whoever waits too long is given what was stored as well.
      const waiting: Asking = { ...asked, shared: false, release: () => {} }
      asking.set(request, waiting)
      return joined.waits.then((stale) => {
        // Whoever has gone meanwhile asks for nobody.
        if (asking.get(request) !== waiting) return undefined
        return stale && isStale(waiting) ? givenStale(waiting) : look(request, terms, rounds - 1)
      })
    }
    count('miss')
    asking.set(request, { ...asked, shared: !alone, release: joined?.ended ?? (() => {}) })
    if (before !== undefined && !alone) askAgain(request, before)
    return undefined
  }

  const isStale = ({ before }: Asking): boolean =>
    before !== undefined && ageOf(before) < before.lifetime.fresh + before.lifetime.stale
  const givenStale = ({ before, conditions, release }: Asking): Answer => {
    count('stale')
    release(true)
    return given(before!, { age: ageOf(before!), request: (name) => conditions.get(name), how: 'fwd=stale; fwd-status=503' })
  }

  /** One that was passed on has been answered with something that can be kept, or not. */
  const take = (asked: Asking, answer: GatewayAnswer, request: GatewayRequest): void => {
    const { key, flight, before, at, shared, release } = asked
    const read = answer.header
    const about = { status: answer.status, request: request.passedHeader, answer: read, known: isKnown(request) }
    const lifetime = lifetimeOf({ ...about, stale: options.stale, now: clock.now() })
    const isBody = answer.through !== undefined || answer.length === 0
    const tells = read('etag') !== undefined || read('last-modified') !== undefined
    const useless = lifetime?.fresh === 0 && lifetime.stale === 0 && !tells
    if (request.method !== 'GET' || lifetime === undefined || useless || !isBody || (answer.length ?? 0) > largest) {
      if (shared) flights.part(flight)
      return release()
    }
    const varies = variesBy(read('vary'), request.passedHeader)
    const one = { key, route: request.route, status: answer.status, headers: answer.headers(), varies, lifetime, at }
    const keep = (body: Buffer | 'too long' | 'lost'): void => {
      if (typeof body === 'object') store.put({ ...one, body }, before)
      else if (body === 'too long' && shared) flights.part(flight)
      release()
    }
    if (answer.through === undefined) keep(Buffer.alloc(0))
    else answer.through(gathering(largest, keep))
  }

  const before = (request: GatewayRequest): ReturnType<typeof look> => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return undefined
    if (FOR_OTHERS.every((name) => request.header(name) === undefined)) return look(request, termsOf(request.header), MOST_ROUNDS)
    return void count('passed')
  }
  const after = (answer: GatewayAnswer, request: GatewayRequest): Answer | undefined => {
    const asked = asking.get(request)
    if (answer.own) {
      asked?.release()
      return undefined
    }
    const { status } = answer
    // RFC 9111, section 4.4: what was changed is not what was kept.
    if (!SAFE.has(request.method) && status >= 200 && status < 400) store.forget(keyOf(request))
    if (asked === undefined) return undefined
    if (status === 304 && asked.shared && asked.before !== undefined) return revalidated(asked, answer, request)
    if (UNAVAILABLE.has(status) && isStale(asked)) return givenStale(asked)
    take(asked, answer, request)
    return undefined
  }
  const revalidated = (asked: Asking, answer: GatewayAnswer, request: GatewayRequest): Answer => {
    const stored = asked.before!
    const headers = renewed(stored.headers, answer.headers())
    const read: FieldReader = (name) => headers[name]
    const about = { status: stored.status, request: request.passedHeader, answer: read, known: isKnown(request) }
    const lifetime = lifetimeOf({ ...about, stale: options.stale, now: clock.now() })
    const next: StoredAnswer = {
      ...stored,
      headers,
      at: asked.at,
      lifetime: lifetime ?? { ...stored.lifetime, fresh: 0, stale: 0 },
    }
    if (lifetime === undefined) store.forget(stored.key)
    else store.put(next, stored)
    asked.release()
    count('revalidated')
    return given(next, { age: ageOf(next), request: (name) => asked.conditions.get(name), how: 'fwd=stale; fwd-status=304' })
  }
  return {
    before,
    after,
    failed: ({ status }: Answer, request: GatewayRequest): Answer | undefined => {
      const asked = asking.get(request)
      return asked !== undefined && UNAVAILABLE.has(status) && isStale(asked) ? givenStale(asked) : undefined
    },
    ended: (request: GatewayRequest) => {
      asking.get(request)?.release()
      asking.delete(request)
    },
  }
}

/** Counts what a cache did, and tells it with its size to whoever asks. */
function counting({ observe }: FilterWorld, { size }: Store): (result: string) => void {
  const counts = new Map<string, number>()
  observe(() => [
    ...Array.from(counts, ([result, value]): Reading => ({ family: ANSWERS, attributes: { result }, value })),
    { family: SIZE, attributes: {}, value: size().bytes },
  ])
  return (result) => void counts.set(result, (counts.get(result) ?? 0) + 1)
}

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'SEARCH', 'QUERY', 'PROPFIND', 'REPORT'])
/** What a 304 says nothing new of: RFC 9111, section 3.2. */
const OF_BODY: ReadonlySet<string> = new Set(['content-encoding', 'content-type', 'content-range', 'content-length'])

/** Fields of what is stored, with what a 304 says anew. */
function renewed(before: Readonly<Record<string, string>>, said: Readonly<Record<string, string>>): Record<string, string> {
  const headers = { ...before }
  for (const [name, value] of Object.entries(said)) if (!OF_BODY.has(name)) headers[name] = value
  return headers
}

const keyOf = ({ host, path, query }: GatewayRequest): string => `${host.toLowerCase()} ${path}${query}`

/** Whether its answer may be for one alone. */
const isKnown = ({ consumer, header }: GatewayRequest): boolean => consumer !== undefined || header('authorization') !== undefined

function conditionsOf({ passedHeader }: GatewayRequest): ReadonlyMap<string, string> {
  return new Map(
    CONDITIONS.flatMap((name) => {
      const value = passedHeader(name)
      return value === undefined ? [] : [[name, value] as const]
    }),
  )
}

/** Asks whether what is kept is still so. What the client has is looked at when that is known. */
function askAgain(request: GatewayRequest, { headers }: StoredAnswer): void {
  const [tag, changed] = [headers['etag'], headers['last-modified']]
  for (const name of CONDITIONS) request.removeHeader(name)
  if (tag !== undefined) request.setHeader('if-none-match', tag)
  else if (changed !== undefined) request.setHeader('if-modified-since', changed)
}

function given(
  { status, headers, body }: StoredAnswer,
  { age, request, how }: { readonly age: number; readonly request: FieldReader; readonly how: string },
): Answer {
  const all: Record<string, string> = { ...headers, age: String(Math.floor(age / 1_000)), 'cache-status': `gateway; ${how}` }
  if (status === 200 && hasIt(request, (name) => headers[name]))
    return {
      status: 304,
      headers: Object.fromEntries(UNCHANGED.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]]))),
    }
  return { status, headers: all, body }
}

/** Gathers a body as it passes. */
const gathering =
  (largest: number, done: (body: Buffer | 'too long' | 'lost') => void): MakeStage =>
  (out) => {
    let parts: Buffer[] | undefined = []
    let size = 0
    const tell = (body: Buffer | 'too long' | 'lost'): void => {
      if (parts === undefined) return
      parts = undefined
      done(body)
    }
    return {
      write: (bytes) => {
        size += bytes.length
        if (size > largest) tell('too long')
        parts?.push(bytes)
        return out.write(bytes)
      },
      end: () => {
        if (parts !== undefined) tell(Buffer.concat(parts))
        out.end()
      },
      drained: out.ready,
      stop: () => tell('lost'),
    }
  }
