import assert from 'node:assert/strict'

/** Any free port: others run tests on this machine. */
export const ANY_PORT: Record<string, string> = { CONSOLE_PORT: '0' }

/** The address and the token of the link that is said first. */
export function linkIn(text: string): { readonly url: string; readonly token: string } {
  const [, url = '', token = ''] = /console\s+(http:\/\/127\.0\.0\.1:\d+)\/#open=([\w-]+)/.exec(text) ?? []
  assert.notEqual(token, '', text)
  return { url, token }
}

export async function letIn({ url, token }: ReturnType<typeof linkIn>): Promise<string> {
  const entered = await fetch(`${url}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
  })
  assert.equal(entered.status, 200)
  return entered.headers.get('set-cookie')!.split(';')[0]!
}

export async function contractsAt(url: string, cookie: string): Promise<readonly string[]> {
  const { contracts } = (await (await fetch(`${url}/api/operator`, { headers: { cookie } })).json()) as {
    readonly contracts: readonly { readonly name: string }[]
  }
  return contracts.map(({ name }) => name)
}
