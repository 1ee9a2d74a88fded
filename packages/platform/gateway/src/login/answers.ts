/** What the gateway itself says to browsers. */
import { problem, type Answer } from '../proxy/proxy.ts'

const NO_STORE = { 'cache-control': 'no-store' }

export const redirected = (location: string, cookies: readonly string[] = []): Answer => ({
  status: 303,
  headers: { ...NO_STORE, location },
  cookies,
})

export const refused = (status: number, code: string, detail: string, headers: Readonly<Record<string, string>> = {}): Answer =>
  problem(status, code, detail, { ...NO_STORE, ...headers })

/** Nobody can know now who asks. */
export const notNow = (): Answer =>
  refused(503, 'UNAVAILABLE', 'Who you are cannot be found out now; try again later', { 'retry-after': '1' })

export const said = (value: object, cookies: readonly string[] = []): Answer => ({
  status: 200,
  headers: { ...NO_STORE, 'content-type': 'application/json; charset=utf-8' },
  body: JSON.stringify(value),
  cookies,
})

/** A page for a person whose login has not come to its end. */
export function page(
  status: number,
  why: string,
  { again, cookies = [] }: { /** Where a login begins. */ readonly again: string; readonly cookies?: readonly string[] },
): Answer {
  return {
    status,
    headers: {
      ...NO_STORE,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      ...(status === 503 && { 'retry-after': '1' }),
    },
    body: `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Login</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem;color-scheme:light dark}</style>
<h1>You are not logged in</h1>
<p>${escaped(why)}</p>
<p><a href="${escaped(again)}">Log in</a></p>
</html>
`,
    cookies,
  }
}

const escaped = (text: string): string => text.replaceAll(/[<>&"']/g, (one) => `&#${one.charCodeAt(0)};`)
