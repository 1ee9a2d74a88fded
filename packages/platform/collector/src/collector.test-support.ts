/** A collector of a test's own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { silentLogger, type Logger } from 'dure/telemetry'
import { startCollector, type CollectorOptions, type StartedCollector } from './collector.ts'

export function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dure-collector-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export type Started = StartedCollector & {
  readonly directory: string
  readonly post: (path: string, body: string | Uint8Array, headers?: Readonly<Record<string, string>>) => Promise<Said>
  readonly get: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Said>
  /** Texts of the lines that are found, oldest first. */
  readonly found: (asked?: object) => Promise<readonly string[]>
}

export type Said = { readonly status: number; readonly body: string; readonly json: Json; readonly headers: Headers }
// What is answered is read by name, as a client does.
// oxlint-disable-next-line typescript/no-explicit-any
type Json = any

export async function started(
  t: TestContext,
  options: CollectorOptions & { readonly directory?: string; readonly log?: Logger } = {},
): Promise<Started> {
  const directory = options.directory ?? folder(t)
  const collector = await startCollector({ port: 0, log: silentLogger(), ...options, directory })
  t.after(() => collector.stop())
  const ask = async (path: string, init: RequestInit): Promise<Said> => {
    const response = await fetch(`${collector.url}${path}`, init)
    const body = await response.text()
    const isJson = (response.headers.get('content-type') ?? '').includes('json')
    return { status: response.status, body, json: isJson ? JSON.parse(body) : undefined, headers: response.headers }
  }
  return {
    ...collector,
    directory,
    post: (path, body, headers = { 'content-type': 'application/json' }) =>
      ask(path, { method: 'POST', body: typeof body === 'string' ? body : Buffer.from(body), headers }),
    get: (path, headers = {}) => ask(path, { headers }),
    found: async (asked = {}) =>
      (await collector.store.searchLogs({ ...asked, limit: 1_000 })).lines.map(({ body }) => body).toReversed(),
  }
}

/** A request whose every header is as it is said; gives its status. */
export function raw(
  url: string,
  options: { readonly method?: string; readonly path: string; readonly headers: Record<string, string> },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(url)
    const sent = request({ host: '127.0.0.1', port, method: 'GET', ...options }, (response) => {
      response.resume()
      resolve(response.statusCode!)
    })
    sent.once('error', reject)
    sent.end()
  })
}
