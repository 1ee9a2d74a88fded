/** Login at the gateway: browsers have a session, services get tokens. */
import { sessionCookie } from 'dure/session'
import type { Answer } from '../proxy/proxy.ts'
import { filter, type Filter, type FilterWorld, type GatewayRequest } from '../filter.ts'
import { page, redirected, refused, said } from './answers.ts'
import { createIssuer } from './issuer.ts'
import { createLogins, type Login } from './logins.ts'
import { OWN, settle, type LoginOptions, type Settled } from './options.ts'
import { isNavigation, isSameOrigin, isUnsafe, targetOf } from './origin.ts'
import { createRenewal } from './renewal.ts'
import { createTransactions } from './transactions.ts'

export type { LoginOptions } from './options.ts'

/**
 * Has users log in at an issuer of OpenID Connect (Keycloak, `@dure/auth`, others). A browser gets a cookie that means nothing elsewhere;
 * tokens are in the store of sessions, and services get the access token as `Authorization: Bearer`, which they verify as any other.
 * Who has no session is sent to log in when a person looks, and refused with 401 when a script asks.
 *
 * Its own paths (`/auth/login`, `/auth/callback`, `/auth/logout`, `/auth/backchannel`) need no route.
 * @throws {TypeError} when something of its options cannot be used
 *
 * @example
 * ```ts
 * import { gateway, login } from '@dure/gateway'
 * import { sqliteSessions } from 'dure/session'
 *
 * const shop = login({
 *   issuer: 'https://login.example',
 *   clientId: 'shop',
 *   clientSecret: process.env['SHOP_SECRET'] ?? 'for a look only',
 *   url: 'https://shop.example',
 *   store: () => sqliteSessions({ directory: 'data' }),
 * })
 * const door = gateway({ routes: { filters: [shop], routes: { all: { prefix: '/', to: 'web' } } } })
 * console.log(door.name, shop.paths?.[1]) // → gateway /auth/callback
 * ```
 */
export function login(given: LoginOptions): Filter {
  const options = settle(given)
  return {
    ...filter('login', (world) => open(options, world)),
    paths: OWN.map((each) => options.path + each),
  }
}

/** Who somebody is, is said by the token alone: what else is used to say so among servers is not believed, and not passed on. */
const IDENTITY = [
  ...['authorization', 'x-forwarded-user', 'x-forwarded-email', 'x-forwarded-groups', 'x-forwarded-preferred-username'],
  ...['x-forwarded-access-token', 'x-auth-request-user', 'x-auth-request-email', 'x-auth-request-groups', 'x-remote-user'],
  ...['remote-user', 'x-user', 'x-user-id', 'x-authenticated-user'],
]

const MOST_LOGOUT = 65_536
const UNAVAILABLE = 'Who you are cannot be found out now; try again later'

function open(options: Settled, { runtime, log }: FilterWorld): ReturnType<Filter['open']> {
  const { origin, path, secure, clientId, clientSecret, store: given } = options
  const [store, isOurs] = typeof given === 'function' ? [given(), true] : [given, false]
  const issuer = createIssuer(options, runtime, log)
  const logins = createLogins({ ...options, store, runtime })
  const renewed = createRenewal({ logins, issuer, timeout: options.timeout, runtime })
  const transactions = createTransactions({ clientId, clientSecret, issuer: options.issuer, secure, runtime })
  const cookie = sessionCookie({ secure })
  const names = [cookie.write('').split('=', 1)[0]!, ...transactions.names]
  const beginAt = (to: string): string => `${path}/login?to=${encodeURIComponent(to)}`
  const notNow = (): Answer => refused(503, 'UNAVAILABLE', UNAVAILABLE, { 'retry-after': '1' })

  const begin = async ({ header }: GatewayRequest, to: string): Promise<Answer> => {
    const { transaction, cookie: begun } = transactions.begin(to, header('cookie'))
    const at = await issuer.begin(transaction)
    return 'is' in at
      ? page(503, 'Nobody can be logged in now. Try again in a moment.', { again: beginAt(to) })
      : redirected(at.href, [begun])
  }

  const finish = async (request: GatewayRequest): Promise<Answer> => {
    const cookies = request.header('cookie')
    const states = new URLSearchParams(request.query).getAll('state')
    const state = states.length === 1 ? states[0]! : ''
    const transaction = transactions.find(cookies, state)
    if (transaction === undefined) {
      // Somebody went back in the history, or to a link of somebody else: nothing of it is taken.
      if ((await logins.read(cookie.read(cookies))) !== undefined) return redirected(`${origin}/`)
      return page(400, 'This login was not begun in this browser, was finished already, or took too long.', {
        again: beginAt('/'),
      })
    }
    const { to } = transaction
    const begun = transactions.remove(state)
    const answer = await issuer.finish(new URL(`${path}/callback${request.query}`, origin), transaction)
    if (answer.is !== 'done') {
      const [status, why] = answer.is === 'away' ? [503, 'The login cannot be finished now.'] : [400, `${answer.why}.`]
      return page(status, why, { again: beginAt(to), cookies: [begun] })
    }
    // A session that was there before is none of this login, whoever has put its cookie there.
    const before = cookie.read(cookies)
    if (before !== undefined) await logins.end(before)
    const { token } = await logins.create(answer.subject, answer.tokens)
    log.info('Somebody has logged in', { subject: answer.subject })
    return redirected(origin + to, [cookie.write(token), begun])
  }

  const logout = async (request: GatewayRequest): Promise<Answer> => {
    if (!isSameOrigin(request, origin)) return refused(403, 'PERMISSION_DENIED', 'Only a page of this site may log somebody out')
    const found = await logins.read(cookie.read(request.header('cookie')))
    if (found !== undefined) {
      await logins.end(found.token)
      log.info('Somebody has logged out', { subject: logins.subjectOf(found) })
    }
    const at = found === undefined ? undefined : await issuer.end(found.data.id)
    const location = at?.href ?? new URL(options.afterLogout!, origin).href
    return isNavigation(request) ? redirected(location, [cookie.remove()]) : said({ location }, [cookie.remove()])
  }

  /** The issuer says that somebody has logged out. */
  const backchannel = async (request: GatewayRequest): Promise<Answer> => {
    const no = (why: string): Answer => refused(400, 'INVALID_ARGUMENT', `The logout token was not taken: ${why}`)
    const body = await request.body(MOST_LOGOUT)
    if (body === undefined) return no('give its length, and 64 KiB at most')
    const tokens = new URLSearchParams(body.toString('utf8')).getAll('logout_token')
    if (tokens.length !== 1) return no('there has to be one "logout_token"')
    const ended = await issuer.ended(tokens[0]!)
    if (ended.is === 'away') return notNow()
    if (ended.is === 'refused') return no(ended.why)
    // Of one session where it is named: others of the same person go on.
    const { sid, subject } = ended
    await logins.endAt(sid === undefined ? { subject: subject! } : { sid })
    log.info('The issuer has ended a login', { subject })
    return { status: 200, headers: { 'cache-control': 'no-store' } }
  }

  const own: Readonly<Record<string, { readonly method: string; readonly serve: (request: GatewayRequest) => Promise<Answer> }>> =
    {
      [`${path}/login`]: {
        method: 'GET',
        serve: (request) => begin(request, ownTarget(new URLSearchParams(request.query).get('to'))),
      },
      [`${path}/callback`]: { method: 'GET', serve: finish },
      [`${path}/logout`]: { method: 'POST', serve: logout },
      [`${path}/backchannel`]: { method: 'POST', serve: backchannel },
    }
  const ownTarget = (to: string | null): string => {
    const target = targetOf(to, origin)
    return target === undefined || target.startsWith(`${path}/`) ? '/' : target
  }

  const nobody = (request: GatewayRequest): Answer | undefined | Promise<Answer> => {
    if (options.optional === true) return undefined
    if (request.method === 'GET' && isNavigation(request)) return begin(request, ownTarget(request.path + request.query))
    return refused(401, 'UNAUTHENTICATED', `Nobody is logged in; have the browser go to ${path}/login`, {
      'www-authenticate': 'Bearer',
    })
  }
  const letIn = (request: GatewayRequest, found: Login): void => {
    request.setHeader('authorization', `Bearer ${found.data.access}`)
    request.setConsumer({ name: logins.subjectOf(found) })
  }
  const pass = async (request: GatewayRequest, token: string): Promise<Answer | undefined> => {
    const found = await logins.read(token)
    if (found === undefined) return nobody(request)
    const result = await renewed(found)
    if (result.is === 'live') return letIn(request, result.login) as undefined
    return result.is === 'ended' ? nobody(request) : notNow()
  }

  const before = (request: GatewayRequest): Answer | undefined | Promise<Answer | undefined> => {
    if (Object.hasOwn(own, request.path)) {
      const { method, serve } = own[request.path]!
      if (request.method === method) return serve(request)
      return refused(405, 'METHOD_NOT_ALLOWED', `It is served with ${method} only`, { allow: method })
    }
    for (const name of IDENTITY) if (request.header(name) !== undefined) request.removeHeader(name)
    const cookies = request.header('cookie')
    if (cookies === undefined) return nobody(request)
    passCookies(request, cookies, names)
    const token = cookie.read(cookies)
    if (token === undefined) return nobody(request)
    if (isUnsafe(request) && !isSameOrigin(request, origin))
      return refused(
        403,
        'PERMISSION_DENIED',
        'It did not come from a page of this site, as "Sec-Fetch-Site" or "Origin" would say',
      )
    return pass(request, token)
  }

  return {
    before: (request) => {
      const answer = before(request)
      return answer instanceof Promise ? answer.catch((error: unknown) => unavailable(error, notNow)) : answer
    },
    ...(isOurs && { stop: () => store.stop() }),
  }
}

/** The store does not answer: nobody is let in, and nobody is out. */
function unavailable(error: unknown, notNow: () => Answer): Answer {
  const { code } = error as { readonly code?: unknown }
  if (code !== 'UNAVAILABLE' && code !== 'DEADLINE_EXCEEDED' && code !== 'RESOURCE_EXHAUSTED') throw error
  return notNow()
}

/** The gateway's own cookies are nobody else's: a service that knew one could act as its owner. */
function passCookies(request: GatewayRequest, cookies: string, own: readonly string[]): void {
  const isOwn = (pair: string): boolean => own.includes(pair.split('=', 1)[0]!.trim())
  const pairs = cookies.split(';')
  if (!own.some((name) => cookies.includes(name))) return
  const others = pairs.filter((pair) => !isOwn(pair)).map((pair) => pair.trim())
  // One that hides in the value of another: only who sends it himself has that.
  const text = others.some((pair) => own.some((name) => pair.includes(`${name}=`))) ? '' : others.join('; ')
  if (text === '') request.removeHeader('cookie')
  else request.setHeader('cookie', text)
}
