import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as client from 'openid-client'
import type { After } from './auth.test-support.ts'

export type Copy = { readonly url: string; readonly kill: () => Promise<void> }

/** A copy in a process of its own. */
export async function copy(t: After, options: Readonly<Record<string, unknown>>): Promise<Copy> {
  const program = fileURLToPath(import.meta.resolve('./copy.child.test-support.ts'))
  const child = spawn(process.execPath, ['--conditions=dure-source', program, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  t.after(kill)
  const gone = ended.then(([code, signal]) => {
    throw new Error(`The copy ended before it had said where it is (${code ?? signal})`)
  })
  // Later it may end.
  gone.catch(() => {})
  const [url] = (await Promise.race([once(createInterface(child.stdout), 'line'), gone])) as [string]
  return { url, kill }
}

/** One address for several copies: each connection goes to the next. */
export async function balancer(t: After): Promise<{ readonly url: string; readonly targets: string[] }> {
  const targets: string[] = []
  let at = 0
  const server = createServer((inward) => {
    const { hostname, port } = new URL(targets[at++ % targets.length]!)
    const outward = connect({ host: hostname, port: Number(port) })
    inward.pipe(outward).pipe(inward)
    inward.on('error', () => outward.destroy())
    outward.on('error', () => inward.destroy())
    outward.on('close', () => inward.destroy())
    inward.on('close', () => outward.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, targets }
}

/** Milliseconds for which a client goes on asking where nobody answers. */
const PATIENCE = 120_000

type Refreshing = { readonly until: () => boolean; readonly onRefreshed: (access: string) => void | Promise<void> }

/** Refreshes each token again and again, all at once, and gives the last of each. When one is refused, all end. */
export async function refreshing(
  config: client.Configuration,
  tokens: readonly string[],
  { until, onRefreshed }: Refreshing,
): Promise<readonly string[]> {
  let over = false
  const refreshed = tokens.map((token) => refreshingOne(config, token, { until: () => over || until(), onRefreshed }))
  try {
    return await Promise.all(refreshed)
  } finally {
    over = true
    await Promise.allSettled(refreshed)
  }
}

/** An answer that did not come is asked for again with the same token, as clients do. */
async function refreshingOne(config: client.Configuration, token: string, { until, onRefreshed }: Refreshing): Promise<string> {
  let at = token
  let answered = performance.now()
  let lost: unknown
  while (!until()) {
    try {
      const { refresh_token, access_token } = await client.refreshTokenGrant(config, at)
      at = refresh_token!
      await onRefreshed(access_token)
      answered = performance.now()
      lost = undefined
    } catch (error) {
      if (error instanceof client.ResponseBodyError) {
        const waited = Math.round(performance.now() - answered)
        const before = lost === undefined ? '' : `; the answer before was lost: ${String(lost)} ${String((lost as Error).cause)}`
        throw new Error(`Refused after ${waited} ms: ${error.error}, ${error.error_description}${before}`, { cause: error })
      }
      lost = error
      if (performance.now() - answered > PATIENCE)
        throw new Error(`Nobody has answered a refresh for ${PATIENCE / 1_000} s`, { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  return at
}
