import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { silentLogger } from 'dure/telemetry'
import { startSchemaRegistry, type SchemaRegistryOptions } from './registry.ts'

export function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dure-schemas-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export type Answer = { readonly status: number; readonly body: unknown; readonly type: string | null }
export type Ask = (route: string, body?: unknown) => Promise<Answer>

/** Asks over HTTP, as clients in any language do: `ask('POST /subjects/a/versions', { schema })`. */
export const asking =
  (url: string): Ask =>
  async (route, body) => {
    const [method, path] = route.split(' ') as [string, string]
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
    const init = body === undefined ? {} : { headers, body: typeof body === 'string' ? body : JSON.stringify(body) }
    const response = await fetch(`${url}${path}`, { method, ...init })
    return { status: response.status, body: await response.json(), type: response.headers.get('content-type') }
  }

export async function started(
  t: TestContext,
  options: SchemaRegistryOptions & { readonly directory?: string } = {},
): Promise<{ readonly url: string; readonly ask: Ask; readonly stop: () => Promise<void> }> {
  const { url, stop } = await startSchemaRegistry({ port: 0, directory: temporary(t), log: silentLogger(), ...options })
  t.after(stop)
  return { url, ask: asking(url), stop }
}

export const record = (...fields: readonly object[]): string => JSON.stringify({ type: 'record', name: 'Order', fields })
export const object = (properties: object, more: object = {}): string => JSON.stringify({ type: 'object', properties, ...more })
