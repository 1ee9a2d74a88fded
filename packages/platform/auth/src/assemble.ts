/** The parts of an authorization server, put together on an open store. */
import type { IncomingMessage } from 'node:http'
import { languageOf } from 'dure/door/internal'
import type { AuditLine } from 'dure/audit'
import type { SqlStore } from 'dure/data'
import type { World } from 'dure/service'
import type { Client, Context, Provider, Session, Token } from 'oidc-provider'
import { createAttempts } from './attempts.ts'
import { createClients, type Clients } from './clients.ts'
import { createEnds } from './ended.ts'
import { openKeys, type Keys } from './keys.ts'
import { createLogin, send } from './login.ts'
import { createLogins } from './logins.ts'
import { textOf, type AuthLimits, type AuthOptions } from './options.ts'
import { createPasswords, type PasswordCost } from './passwords.ts'
import { drawPages, errorPage } from './pages/pages.ts'
import { createProvider } from './provider.ts'
import { createRecords } from './records.ts'
import type { Secret } from './secret.ts'
import type { Handler } from './server.ts'
import { sweep } from './tables.ts'
import { createUsers, type UserChange, type Users } from './users.ts'

export type Assembled = {
  readonly issuer: string
  readonly handler: Handler
  readonly users: Users
  readonly clients: Clients
  readonly keys: Keys
  readonly stop: () => Promise<void>
}

/** Changes after which nobody may go on as before. */
const ENDING: readonly UserChange[] = ['password changed', 'disabled', 'logged out']
/** Milliseconds between the times that what has ended is swept away. */
const SWEEP = 30_000

export async function assemble(given: {
  readonly options: AuthOptions
  readonly limits: AuthLimits
  readonly world: World
  readonly store: SqlStore
  readonly secret: Secret
  readonly issuer: string
  readonly cost?: PasswordCost | undefined
}): Promise<Assembled> {
  const { options, limits, world, store, secret, issuer } = given
  const { runtime, log } = world
  const { clock, timers } = runtime
  const audit = async (line: AuditLine): Promise<void> => options.audit?.(line)
  /** What has happened already, and cannot be taken back where its line is not written. */
  const note = (line: AuditLine): Promise<void> =>
    audit(line).catch((error: unknown) => log.error('Cannot write an audit line', { action: line.action, error }))

  const keyStore = await openKeys({
    ...{ store, runtime, secret },
    times: { life: limits.keyLife, lead: limits.keyLead, longest: limits.accessToken + SKEW },
    onMade: ({ kid, signs }) => note({ action: 'auth.key.made', actor: 'auth', subject: kid, about: { signs } }),
  })
  const ends = createEnds({
    ...{ provider: () => current(), timers, log },
    onEnded: async (ended) => {
      const { subject, ...about } = ended
      await note({ action: 'auth.login.ended', actor: 'auth', subject, about })
      try {
        await options.onEnded?.(ended)
      } catch (error) {
        log.error('Cannot tell that a login has ended', { ...ended, error })
      }
    },
  })
  const logins = createLogins(store, clock, ends.tell)
  const userStore = createUsers({
    ...{ store, passwords: createPasswords(runtime.random, given.cost), ids: runtime.ids, shortest: limits.password },
    onChange: async (what, { subject, name, roles }) => {
      const about = what === 'roles changed' || what === 'added' ? { roles } : {}
      await note({ action: `auth.user.${what.replace(' ', '-')}`, actor: 'auth', subject, about, personal: { name } })
      if (ENDING.includes(what)) await logins.endAll(subject)
    },
  })
  const clientStore = createClients({
    ...{ options, store, secret, random: runtime.random },
    onChange: (what, id) => note({ action: `auth.client.${what}`, actor: 'auth', subject: id }),
  })
  const successorOf = (token: string): string => secret.derive('refresh', token)
  const records = createRecords({ store, clock, successorOf, grace: limits.refreshGrace, onRevoked: logins.endGrant })
  const pages = drawPages(options)

  let made:
    | { readonly keys: string; readonly provider: Provider; readonly callback: ReturnType<Provider['callback']> }
    | undefined
  /** oidc-provider takes its keys once: with others, or another one to sign, it is made anew. All that it knows is in the store. */
  const currently = (): NonNullable<typeof made> => {
    const shown = keyStore.shown()
    const keys = shown.map(({ kid }) => kid).join(' ')
    if (made?.keys === keys) return made
    const provider = createProvider({
      ...{ issuer, options, limits, records, successorOf, pages, clock, keys: shown },
      ...{
        cookieKey: secret.derive('cookies', ''),
        findUser: userStore.bySubject,
        findClient: clientStore.find,
        fetch: runtime.fetch ?? fetch,
      },
    })
    listenTo(provider, { ends, ended: logins.ended, note, log })
    made = { keys, provider, callback: provider.callback() }
    return made
  }
  const current = (): Provider => currently().provider

  const addressOf = (request: IncomingMessage): string => {
    const remote = request.socket.remoteAddress ?? ''
    const header = (name: string): string | undefined => [request.headers[name.toLowerCase()]].flat()[0]
    return options.address?.({ header, remote }) ?? remote
  }
  const attempts = createAttempts({ store, clock, secret, limits })
  const login = createLogin({
    options,
    provider: current,
    userStore,
    findClient: clientStore.find,
    attempts,
    audit,
    addressOf,
    log,
  })
  const { host, protocol } = new URL(issuer)
  currently()

  const handler: Handler = async (request, response) => {
    // Where this server is reached is what `issuer` says, whatever a request claims.
    request.headers['x-forwarded-proto'] = protocol.slice(0, -1)
    request.headers['x-forwarded-host'] = host
    const uid = /^\/login\/([\w-]{1,100})$/.exec(request.url?.split('?')[0] ?? '')?.[1]
    if (uid === undefined) return currently().callback(request, response)
    if (request.method === 'GET' || request.method === 'POST') return login(request, response, uid)
    const language = languageOf(request.headers['accept-language'], undefined)
    const system = textOf(options.name ?? options.audience, language)
    send(response, errorPage({ language, system, status: 405, error: 'invalid_request', detail: 'the method is not used here' }))
  }
  const upkeep = every(timers, log, [
    { wait: limits.refresh, work: () => keyStore.refresh() },
    { wait: SWEEP, work: () => sweep(store, clock.now()) },
  ])
  return {
    ...{ issuer, handler, users: userStore.users, clients: clientStore.clients, keys: keyStore.keys },
    stop: async () => {
      await upkeep()
      await ends.stop()
    },
  }
}

/** Milliseconds by which clocks of whoever verifies may be behind. */
const SKEW = 60_000

function listenTo(
  provider: Provider,
  told: {
    readonly ends: Pick<ReturnType<typeof createEnds>, 'known'>
    readonly ended: (session: Session) => Promise<void>
    readonly note: (line: AuditLine) => Promise<void>
    readonly log: World['log']
  },
): void {
  provider.on('session.destroyed', (session: Session) => void told.ended(session))
  provider.on('backchannel.success', (_context: Context, client: Client, _subject: string, sid: string) =>
    told.ends.known(client.clientId, sid),
  )
  provider.on('grant.error', ({ oidc }: Context, error: { readonly error_detail?: string }) => {
    const token = oidc.entities['RefreshToken'] as Token | undefined
    // Other refusals are of whoever asks, as often as they like: no lines for an audit log.
    if (token?.accountId === undefined || error.error_detail !== 'refresh token already used') return
    const client = token.clientId
    void told.note({ action: 'auth.refresh.reused', actor: client, subject: token.accountId, about: { client } })
  })
  provider.on('server_error', (_context: Context, error: Error) => told.log.error('Cannot answer a request', { error }))
}

/** Runs each again and again, one time after the other. */
function every(
  timers: World['runtime']['timers'],
  log: World['log'],
  tasks: readonly { readonly wait: number; readonly work: () => Promise<void> }[],
): () => Promise<void> {
  const stopping = new AbortController()
  const loops = tasks.map(async ({ wait, work }) => {
    for (;;) {
      await new Promise<void>((resolve) => {
        const timer = timers.after(wait, resolve)
        stopping.signal.addEventListener('abort', () => (timer.cancel(), resolve()), { once: true })
      })
      if (stopping.signal.aborted) return
      await work().catch((error: unknown) => log.warn('Cannot tidy up in the store of the authorization server', { error }))
    }
  })
  return async () => {
    stopping.abort()
    await Promise.all(loops)
  }
}
