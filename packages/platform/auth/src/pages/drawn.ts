/** Pages that oidc-provider asks for in the middle of a request. */
import { languageOf, type Language } from 'dure/door/internal'
import type { Context } from 'oidc-provider'
import { textOf, type AuthOptions } from '../options.ts'
import type { Pages } from '../provider.ts'
import type { Page } from './layout.ts'
import { errorPage, expiredPage, loggedOutPage, logoutPage } from './content.ts'

export function drawPages(options: AuthOptions): Pages {
  const setting = ({ req, oidc }: Context): { readonly language: Language; readonly system: string } => {
    const language = languageOf(req.headers['accept-language'], oidc.params?.['ui_locales'])
    return { language, system: textOf(options.name ?? options.audience, language) }
  }
  const draw = (context: Context, { status, headers, body }: Page): void => {
    for (const [name, value] of Object.entries(headers)) context.set(name, value)
    context.status = status
    context.body = body
  }
  return {
    error: (context, { error, error_description: detail = '' }) => {
      const status = context.status
      const where = setting(context)
      const old = error === 'invalid_request' && /expired|not found|mismatch/.test(detail)
      draw(context, old ? expiredPage(where) : errorPage({ ...where, status, error, detail }))
    },
    logout: (context, form) => {
      const { params, session, entities } = context.oidc
      const hint = (entities['IdTokenHint'] as { readonly payload?: { readonly sub?: unknown } } | undefined)?.payload
      const asked = hint !== undefined && hint.sub === session?.accountId
      draw(context, logoutPage({ ...setting(context), form, asked, returnsTo: params?.['post_logout_redirect_uri'] }))
    },
    loggedOut: (context) => draw(context, loggedOutPage(setting(context))),
  }
}
