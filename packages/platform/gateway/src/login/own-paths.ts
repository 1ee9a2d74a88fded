/** What the gateway itself serves: where a login begins, comes back to, and ends. */
import type { SessionCookie } from 'dure/session'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { createActs, createRefusals } from 'dure/telemetry/internal'
import type { GatewayRequest } from '../filter.ts'
import type { Answer } from '../proxy/proxy.ts'
import { notNow, page, redirected, refused, said } from './answers.ts'
import type { Issuer } from './issuer.ts'
import type { Logins } from './logins.ts'
import type { Settled } from './options.ts'
import { isNavigation, isSameOrigin, targetOf } from './origin.ts'
import type { Transactions } from './transactions.ts'

export type OwnPaths = {
  /** Has the browser go to the issuer, and come back to what it asks for now. */
  readonly begin: (request: GatewayRequest) => Promise<Answer>
  /** Undefined: the path is none of them. */
  readonly serve: (request: GatewayRequest) => Answer | undefined | Promise<Answer>
}

const MOST_LOGOUT = 65_536

export function createOwnPaths({
  options,
  issuer,
  logins,
  transactions,
  cookie,
  runtime,
  log,
}: {
  readonly options: Settled
  readonly issuer: Issuer
  readonly logins: Logins
  readonly transactions: Transactions
  readonly cookie: SessionCookie
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>
  readonly log: Logger
}): OwnPaths {
  const { origin, path } = options
  const { record, issuer: subject } = options
  const tell = record && createRefusals(createActs({ record, runtime, log }), runtime)
  const tellRefused = (reason: string): void => tell?.({ action: 'login.refused', subject, reason })
  const beginAt = (to: string): string => `${path}/login?to=${encodeURIComponent(to)}`
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
      tellRefused('not begun here')
      return page(400, 'This login was not begun in this browser, was finished already, or took too long.', {
        again: beginAt('/'),
      })
    }
    const { to } = transaction
    const begun = transactions.remove(state)
    const answer = await issuer.finish(new URL(`${path}/callback${request.query}`, origin), transaction)
    if (answer.is !== 'done') {
      if (answer.is === 'refused') tellRefused(answer.reason)
      const [status, why] = answer.is === 'away' ? [503, 'The login cannot be finished now.'] : [400, `${answer.why}.`]
      return page(status, why, { again: beginAt(to), cookies: [begun] })
    }
    // A session that was there before is none of this login, whoever has put its cookie there.
    const before = cookie.read(cookies)
    if (before !== undefined) await logins.end(before)
    const { token } = await logins.create(answer.subject, answer.tokens)
    request.setConsumer({ name: answer.subject })
    log.info('Somebody has logged in', { subject: answer.subject })
    return redirected(origin + to, [cookie.write(token), begun])
  }

  const logout = async (request: GatewayRequest): Promise<Answer> => {
    if (!isSameOrigin(request, origin)) return refused(403, 'PERMISSION_DENIED', 'Only a page of this site may log somebody out')
    const found = await logins.read(cookie.read(request.header('cookie')))
    if (found !== undefined) {
      await logins.end(found.token)
      request.setConsumer({ name: logins.subjectOf(found) })
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
    await logins.endAt(ended)
    log.info('The issuer has ended a login', { subject: ended.subject })
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

  return {
    begin: (request) => begin(request, ownTarget(request.path + request.query)),
    serve: (request) => {
      if (!Object.hasOwn(own, request.path)) return undefined
      const { method, serve } = own[request.path]!
      if (request.method === method) return serve(request)
      return refused(405, 'METHOD_NOT_ALLOWED', `It is served with ${method} only`, { allow: method })
    },
  }
}
