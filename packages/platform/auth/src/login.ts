/** Login and consent: the two questions that a person is asked on the way to an application. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AuditLine } from 'dure/audit'
import { languageOf } from 'dure/door/internal'
import type { Logger } from 'dure/telemetry'
import type { Client, Interaction, Provider } from 'oidc-provider'
import { SessionNotFound } from 'oidc-provider/lib/helpers/errors.js'
import type { Attempts } from './attempts.ts'
import type { ClientStore } from './clients.ts'
import { textOf, type AuthOptions } from './options.ts'
import { consentPage, errorPage, expiredPage, loginPage, WORDS, type LoginFault, type Page, type Setting } from './pages/pages.ts'
import { plainName, type UserStore } from './users.ts'

export type LoginOptions = {
  readonly options: AuthOptions
  readonly provider: () => Provider
  readonly userStore: UserStore
  readonly findClient: ClientStore['find']
  readonly attempts: Attempts
  readonly audit: (line: AuditLine) => Promise<void>
  readonly addressOf: (request: IncomingMessage) => string
  readonly log: Logger
}

export type Login = (request: IncomingMessage, response: ServerResponse, uid: string) => Promise<void>

/** Characters of a form: a name, a password, and what they become in it. */
const LONGEST = 16_384

type Asked = { readonly interaction: Interaction; readonly setting: Setting }
/** A page, or undefined when the answer was given. */
type Answer = Promise<Page | undefined>

export function createLogin(given: LoginOptions): Login {
  const { options, userStore, attempts, log } = given

  const settingOf = async (request: IncomingMessage, { params }: Interaction, client: Client | undefined): Promise<Setting> => {
    const language = languageOf(request.headers['accept-language'], params['ui_locales'])
    const own = client && (await given.findClient(client.clientId))
    return {
      language,
      system: textOf(options.name ?? options.audience, language),
      client: textOf(own?.name ?? own?.id ?? '', language),
      returnsTo: params['redirect_uri'] ?? own?.redirectUris?.[0],
    }
  }
  const finish = async (
    request: IncomingMessage,
    response: ServerResponse,
    result: Readonly<Record<string, unknown>>,
  ): Promise<undefined> => {
    await given
      .provider()
      .interactionFinished(request, response, { ...result }, { mergeWithLastSubmission: !('login' in result) })
    return undefined
  }
  const cancel = (request: IncomingMessage, response: ServerResponse): Answer =>
    finish(request, response, { error: 'access_denied', error_description: 'the person did not want to go on' })

  /** Whoever it is, or why not: words that are the same whether there is such a user or not. */
  const verified = async (request: IncomingMessage, asked: Asked, form: URLSearchParams): Promise<string | LoginFault> => {
    const [typed, password] = [form.get('name') ?? '', form.get('password') ?? '']
    const [name, address] = [plainName(typed).slice(0, 200), given.addressOf(request)]
    const client = asked.interaction.params['client_id'] ?? ''
    const refused = async (reason: string, fault: LoginFault): Promise<LoginFault> => {
      const about = { client, reason }
      await given.audit({ action: 'auth.login.refused', actor: 'unknown', subject: client, about, personal: { name, address } })
      return fault
    }
    const attempt = await attempts.begin(name, address)
    // One line for all of them: who goes on trying is not to fill the log.
    if (attempt !== 'open') return attempt === 'closed' ? refused('too many attempts', 'tooMany') : 'tooMany'
    const user = await userStore.verify(typed, password)
    if (user === undefined) return refused('credentials', 'wrong')
    if (user === 'disabled') return refused('disabled', 'wrong')
    await attempts.succeed(name, address)
    const about = { client }
    await given.audit({ action: 'auth.login', actor: user.subject, subject: user.subject, about, personal: { name, address } })
    return user.subject
  }

  const logIn = async (request: IncomingMessage, response: ServerResponse, asked: Asked): Answer => {
    const form = await formOf(request)
    if (form?.get('act') === 'cancel') return cancel(request, response)
    const found = form === undefined ? 'wrong' : await verified(request, asked, form).catch(faultOf(log))
    if (isFault(found)) return loginPage({ ...asked.setting, fault: found, name: (form?.get('name') ?? '').slice(0, 200) })
    return finish(request, response, { login: { accountId: found } })
  }

  const consent = async (request: IncomingMessage, response: ServerResponse, { interaction }: Asked): Answer => {
    const form = await formOf(request)
    if (form?.get('act') !== 'allow') return cancel(request, response)
    const { prompt, params, session, grantId } = interaction
    const provider = given.provider()
    const input = { accountId: session!.accountId, clientId: params['client_id']! }
    const grant = (grantId === undefined ? undefined : await provider.Grant.find(grantId)) ?? new provider.Grant(input)
    const { missingOIDCScope = [], missingOIDCClaims = [], missingResourceScopes = {} } = prompt.details
    if (missingOIDCScope.length > 0) grant.addOIDCScope(missingOIDCScope.join(' '))
    if (missingOIDCClaims.length > 0) grant.addOIDCClaims(missingOIDCClaims)
    for (const [resource, scopes] of Object.entries(missingResourceScopes)) grant.addResourceScope(resource, scopes.join(' '))
    const about = {
      client: input.clientId,
      scopes: [...new Set([...missingOIDCScope, ...Object.values(missingResourceScopes).flat()])],
    }
    await given.audit({ action: 'auth.consent', actor: input.accountId, subject: input.accountId, about })
    return finish(request, response, { consent: { grantId: await grant.save() } })
  }

  const show = async (asked: Asked): Promise<Page> => {
    const { setting, interaction } = asked
    if (interaction.prompt.name === 'login')
      return loginPage({ ...setting, name: interaction.params['login_hint']?.slice(0, 200) })
    const words = WORDS[setting.language]
    const own: Readonly<Record<string, string>> = { openid: words.openid, profile: words.profile, offline_access: words.offline }
    const { missingOIDCScope = [], missingResourceScopes = {} } = interaction.prompt.details
    const scopes = new Set([...missingOIDCScope, ...Object.values(missingResourceScopes).flat()])
    const asks = [...scopes].map((scope) => own[scope] ?? textOf(options.scopes[scope] ?? scope, setting.language))
    const user = await userStore.bySubject(interaction.session?.accountId ?? '')
    return consentPage({ ...setting, name: user?.name ?? '', asks })
  }

  return async (request, response, uid) => {
    const language = languageOf(request.headers['accept-language'], undefined)
    const system = textOf(options.name ?? options.audience, language)
    const answer = async (): Answer => {
      if (isFromElsewhere(request))
        return errorPage({ language, system, status: 403, error: 'access_denied', detail: 'the form came from another site' })
      const provider = given.provider()
      const interaction = await provider.interactionDetails(request, response)
      if (interaction.uid !== uid) return expiredPage({ language, system })
      const client = await provider.Client.find(interaction.params['client_id'] ?? '')
      const asked = { interaction, setting: await settingOf(request, interaction, client) }
      if (request.method !== 'POST') return show(asked)
      return interaction.prompt.name === 'login' ? logIn(request, response, asked) : consent(request, response, asked)
    }
    const drawn = await answer().catch((error: unknown) => {
      if (error instanceof SessionNotFound) return expiredPage({ language, system })
      log.error('Cannot answer a login', { error })
      return errorPage({ language, system, status: 500, error: 'server_error', detail: '' })
    })
    if (drawn !== undefined) send(response, drawn)
  }
}

export function send(response: ServerResponse, { status, headers, body }: Page): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

const isFault = (found: string): found is LoginFault => ['wrong', 'tooMany', 'busy', 'failed'].includes(found)

const faultOf =
  (log: Logger) =>
  (error: unknown): LoginFault => {
    if ((error as { readonly code?: unknown }).code === 'RESOURCE_EXHAUSTED') return 'busy'
    log.error('Cannot look at a login', { error })
    return 'failed'
  }

/** Browsers say where a form was. */
function isFromElsewhere({ method, headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site']
  return method === 'POST' && site !== undefined && site !== 'same-origin'
}

/** Undefined when it is too long, or no form. */
async function formOf(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  if (!/^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? '')) return undefined
  const chunks: Buffer[] = []
  let size = 0
  // Whoever sends too much is answered all the same.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += (chunk as Buffer).length
    if (size > LONGEST) return undefined
    chunks.push(chunk as Buffer)
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}
