/** What pages are made of: login, consent, logout, and what went wrong. */
import { html, type Html, type Language } from 'dure/door/internal'
import { page, type Page } from './layout.ts'
import { WORDS } from './words.ts'

/** To whom a page speaks, and for whom. */
export type Setting = {
  readonly language: Language
  readonly system: string
  /** The application that they came from. */
  readonly client: string
  /** Where they go from here. */
  readonly returnsTo: string | undefined
}

export type LoginFault = 'wrong' | 'tooMany' | 'busy' | 'failed'
const STATUS: Readonly<Record<LoginFault, number>> = { wrong: 400, tooMany: 429, busy: 503, failed: 503 }

export function loginPage(
  setting: Setting & { readonly name?: string | undefined; readonly fault?: LoginFault | undefined },
): Page {
  const { language, system, client, returnsTo, name = '', fault } = setting
  const words = WORDS[language]
  const invalid: Html = { html: fault === 'wrong' ? ' aria-invalid="true" aria-describedby="fault"' : '' }
  // Who comes back with a name types the password next.
  const focus = (wanted: boolean): Html => ({ html: wanted ? ' autofocus' : '' })
  const content = html`<p>${words.to(client)}</p>
    ${fault === undefined ? undefined : html`<p class="alert" id="fault" role="alert">${words[fault]}</p>`}
    <form method="post">
      <label for="name">${words.name}</label>
      <input
        id="name"
        name="name"
        type="text"
        value="${name}"
        autocomplete="username"
        autocapitalize="none"
        spellcheck="false"
        maxlength="200"
        required${invalid}${focus(name === '')}
      />
      <label for="password">${words.password}</label>
      <input
        id="password"
        name="password"
        type="password"
        autocomplete="current-password"
        maxlength="1024"
        required${invalid}${focus(name !== '')}
      />
      <div class="acts">
        <button class="main" name="act" value="login">${words.submit}</button>
        <button name="act" value="cancel" formnovalidate>${words.cancel}</button>
      </div>
    </form>
    ${hostOf(setting)}`
  const status = fault === undefined ? 200 : STATUS[fault]
  return page({ language, system, title: words.logIn, content, leadsTo: returnsTo, status })
}

export function consentPage(setting: Setting & { readonly name: string; readonly asks: readonly string[] }): Page {
  const { language, system, client, returnsTo, name, asks } = setting
  const words = WORDS[language]
  const content = html`<p>${words.as(name)}</p>
    <ul>
      ${asks.map((each) => html`<li>${each}</li>`)}
    </ul>
    <form method="post">
      <div class="acts">
        <button class="main" name="act" value="allow">${words.allow}</button>
        <button name="act" value="cancel">${words.deny}</button>
      </div>
    </form>
    ${hostOf(setting)}`
  return page({ language, system, title: words.consent(client), content, leadsTo: returnsTo })
}

/** @param form oidc-provider's own, whose answer is in `logout` */
export function logoutPage(setting: Omit<Setting, 'client'> & { readonly form: string; readonly asked: boolean }): Page {
  const { language, system, returnsTo, form } = setting
  const words = WORDS[language]
  // Who comes with what proves the login it is of has asked for it already.
  const script = setting.asked ? 'document.forms[0].requestSubmit(document.querySelector("button.main"))' : undefined
  const content = html`<p>${words.logOutAsked(system)}</p>
    ${{ html: form }}
    <div class="acts">
      <button class="main" form="op.logoutForm" name="logout" value="yes" autofocus>${words.logOut}</button>
      <button form="op.logoutForm">${words.stay}</button>
    </div>`
  return page({ language, system, title: words.logOut, content, leadsTo: returnsTo, ...(script !== undefined && { script }) })
}

export function loggedOutPage({ language, system }: Pick<Setting, 'language' | 'system'>): Page {
  const words = WORDS[language]
  return page({ language, system, title: words.loggedOut, content: html`<p>${words.loggedOutText}</p>` })
}

export function expiredPage({ language, system }: Pick<Setting, 'language' | 'system'>): Page {
  const words = WORDS[language]
  return page({ language, system, title: words.expired, content: html`<p>${words.expiredText}</p>`, status: 400 })
}

export function errorPage(
  setting: Pick<Setting, 'language' | 'system'> & { readonly status: number; readonly error: string; readonly detail: string },
): Page {
  const { language, system, status, error, detail } = setting
  const words = WORDS[language]
  const content = html`<p>${words.refused}</p>
    <p><code>${error}${detail === '' ? '' : `: ${detail}`}</code></p>`
  return page({ language, system, title: words.error, content, status })
}

/** Whoever is about to type a password sees where it leads. */
function hostOf({ language, returnsTo }: Setting): Html | undefined {
  if (returnsTo === undefined || !URL.canParse(returnsTo)) return undefined
  const { host, protocol } = new URL(returnsTo)
  return html`<p class="soft">${WORDS[language].returns(host === '' ? protocol : host)}</p>`
}
