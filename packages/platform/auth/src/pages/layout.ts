/** What every page is made of: one card, no script, colours of light and of dark. */
import { createHash } from 'node:crypto'
import { html, type Html, type Language } from 'dure/door/internal'

const STYLE = `
:root { color-scheme: light dark; --back: #f4f5f7; --card: #fff; --text: #1b1f24; --soft: #57606a; --line: #8c959f; --edge: #d9dde2;
  --act: #0b57d0; --act-text: #fff; --focus: #0b57d0; --bad: #b3261e; --bad-back: #fdeceb }
@media (prefers-color-scheme: dark) { :root { --back: #101316; --card: #1a1e23; --text: #e8eaed; --soft: #a7b0ba; --line: #7d8792;
  --edge: #31373e; --act: #a8c7fa; --act-text: #062e6f; --focus: #a8c7fa; --bad: #f6b8b3; --bad-back: #3a1d1b } }
* { box-sizing: border-box }
html { font: 100%/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans KR", "Noto Sans CJK KR", sans-serif }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; place-items: center; background: var(--back); color: var(--text); padding: 1rem }
main { width: 100%; max-width: 26rem; background: var(--card); border: 1px solid var(--edge); border-radius: .75rem; padding: 2rem }
@media (max-width: 30rem) { body { padding: 0; place-items: start stretch } main { max-width: none; min-height: 100vh; border: 0; border-radius: 0; padding: 1.5rem } }
.system { margin: 0 0 .5rem; color: var(--soft); font-weight: 600; overflow-wrap: anywhere }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; word-break: keep-all }
p { margin: .5rem 0 0; overflow-wrap: anywhere; word-break: keep-all }
.soft { color: var(--soft); font-size: .875rem }
form { margin-top: 1.5rem }
label { display: block; margin-top: 1rem; font-weight: 600 }
input { display: block; width: 100%; margin-top: .25rem; padding: .625rem .75rem; font: inherit; color: inherit; background: transparent;
  border: 1px solid var(--line); border-radius: .5rem; min-height: 2.75rem }
input[aria-invalid=true] { border-color: var(--bad) }
ul { margin: 1rem 0 0; padding-inline-start: 1.25rem }
li { margin-top: .25rem; overflow-wrap: anywhere; word-break: keep-all }
.alert { margin-top: 1rem; padding: .75rem; border-radius: .5rem; background: var(--bad-back); color: var(--bad) }
.acts { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem }
button { flex: 1 1 8rem; min-height: 2.75rem; padding: .625rem 1rem; font: inherit; font-weight: 600; border-radius: .5rem; cursor: pointer;
  border: 1px solid var(--line); background: transparent; color: inherit }
button.main { background: var(--act); border-color: var(--act); color: var(--act-text) }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px }
code { font-size: .875rem; overflow-wrap: anywhere }
`

/** Of what is between the tags, to the letter. */
const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
const STYLE_HASH = hashOf(STYLE)

export type Page = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }

export type PageOptions = {
  readonly language: Language
  /** What people know the system as. */
  readonly system: string
  readonly title: string
  readonly content: Html
  readonly status?: number
  /** Where its form may lead, beside this server: browsers look at the redirects behind it too. */
  readonly leadsTo?: string | undefined
  /** One that the page works without. */
  readonly script?: string
}

export function page({ language, system, title, content, status = 200, leadsTo, script }: PageOptions): Page {
  const target = leadsTo === undefined ? undefined : sourceOf(leadsTo)
  const policy = [
    ...["default-src 'none'", `style-src ${STYLE_HASH}`, "base-uri 'none'", "frame-ancestors 'none'"],
    `form-action 'self'${target === undefined ? '' : ` ${target}`}`,
    ...(script === undefined ? [] : [`script-src ${hashOf(script)}`]),
  ]
  const { html: body } = html`<!doctype html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} · ${system}</title>
        ${{ html: `<style>${STYLE}</style>` }}
      </head>
      <body>
        <main>
          <p class="system">${system}</p>
          <h1>${title}</h1>
          ${content}
        </main>
        ${script === undefined ? undefined : { html: `<script>${script}</script>` }}
      </body>
    </html> `
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-language': language,
    'content-security-policy': policy.join('; '),
    'cache-control': 'no-store',
    vary: 'accept-language',
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'cross-origin-opener-policy': 'same-origin',
  }
  return { status, headers, body }
}

/** A source of a policy: where something is, without its path. */
function sourceOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { protocol, origin } = new URL(url)
  return origin === 'null' ? protocol : origin
}
