/** Access tokens that are about to end: another one is asked for once, however many requests and gateways want it. */
import type { Runtime } from 'dure/runtime'
import type { Issuer } from './issuer.ts'
import { dataOf, type Login, type Logins } from './logins.ts'

/** A login whose token lives; `ended`: there is none any more; `away`: its token has ended, and nobody can know what comes next. */
export type Renewed = { readonly is: 'live'; readonly login: Login } | { readonly is: 'ended' } | { readonly is: 'away' }

/** Milliseconds between looks at a session whose token another gateway asks for. */
const LOOK = 50
/** Milliseconds for which an issuer that has not answered is left alone, while tokens live. */
const PAUSE = 1_000

export function createRenewal(options: {
  readonly logins: Logins
  readonly issuer: Pick<Issuer, 'refresh'>
  /** Milliseconds until the issuer must have answered. */
  readonly timeout: number
  readonly runtime: Pick<Runtime, 'clock' | 'timers' | 'ids'>
}): (login: Login) => Renewed | Promise<Renewed> {
  const { logins, issuer } = options
  const { clock, timers, ids } = options.runtime
  /** Whoever has claimed it and has not come back in this time has died: he would have given up long before. */
  const overdue = options.timeout * 2 + PAUSE
  /** Those under way here, by the tokens of their sessions. */
  const underWay = new Map<string, Promise<Renewed>>()
  let pausedUntil = -Infinity

  const ask = async (login: Login): Promise<Renewed> => {
    const { claim: _, ...data } = login.data
    const claimed = await logins.update(login, { ...data, claim: ids.next() })
    if (claimed.status === 'gone') return { is: 'ended' }
    if (claimed.status === 'conflict') return follow(login.token)
    const { session } = claimed
    const answer = await issuer.refresh({ refresh: data.refresh, id: data.id, sid: data.sid })
    if (answer.is === 'done') {
      const stored = await logins.update(session, dataOf(data.client, answer.tokens))
      if (stored.status === 'done') return { is: 'live', login: stored.session }
      // Somebody has logged out meanwhile, and stays so; or we were taken for dead.
      return stored.status === 'gone' ? { is: 'ended' } : follow(login.token)
    }
    if (answer.is === 'refused') {
      const now = await logins.read(login.token)
      if (now !== undefined && now.version !== session.version) return follow(login.token)
      await logins.end(login.token)
      return { is: 'ended' }
    }
    pausedUntil = clock.monotonic() + PAUSE
    await logins.update(session, data)
    return { is: 'away' }
  }

  /** Waits for whoever has claimed it, and takes his place when he does not come back. */
  const follow = async (token: string): Promise<Renewed> => {
    let claim: string | undefined
    let since = clock.monotonic()
    for (;;) {
      const login = await logins.read(token)
      if (login === undefined) return { is: 'ended' }
      const { data } = login
      if (data.claim === undefined) return clock.now() < data.ends ? { is: 'live', login } : { is: 'away' }
      if (data.claim !== claim) {
        claim = data.claim
        since = clock.monotonic()
      } else if (clock.monotonic() - since > overdue) return ask(login)
      await timers.sleep(LOOK)
    }
  }

  const renewing = (login: Login): Promise<Renewed> => {
    const { token } = login
    const before = underWay.get(token)
    if (before !== undefined) return before
    const begun = (login.data.claim === undefined ? ask(login) : follow(token)).finally(() => underWay.delete(token))
    underWay.set(token, begun)
    return begun
  }

  return (login) => {
    const { ends, renewAt, refresh } = login.data
    const now = clock.now()
    if (now < renewAt) return { is: 'live', login }
    if (refresh === undefined)
      return now < ends ? { is: 'live', login } : logins.end(login.token).then((): Renewed => ({ is: 'ended' }))
    if (now >= ends) return renewing(login)
    // It lives: nobody waits for the next one. What fails is seen by whoever needs it.
    if (clock.monotonic() >= pausedUntil) renewing(login).catch(() => {})
    return { is: 'live', login }
  }
}
