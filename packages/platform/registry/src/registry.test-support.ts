import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { silentLogger } from 'dure/telemetry'
import { startRegistry, type RegistryServerOptions, type StartedRegistry } from './started.ts'

export function temporary(t: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'dure-services-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export type Answer = { readonly status: number; readonly headers: Headers; readonly text: string; readonly json: () => unknown }
/** Asks over HTTP, as clients in any language do: `ask('GET /apps')`. In JSON, unless it is told. */
export type Ask = (route: string, body?: unknown, headers?: Readonly<Record<string, string>>) => Promise<Answer>

export const asking =
  (url: string): Ask =>
  async (route, body, more = {}) => {
    const [method, path] = route.split(' ') as [string, string]
    const headers = { accept: 'application/json', 'content-type': 'application/json', ...more }
    const sent = typeof body === 'string' ? body : JSON.stringify(body)
    const response = await fetch(`${url}${path}`, { method, headers, ...(body !== undefined && { body: sent }) })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) as unknown }
  }

export async function started(
  t: Pick<TestContext, 'after'>,
  options: RegistryServerOptions & { readonly directory?: string } = {},
): Promise<StartedRegistry & { readonly ask: Ask }> {
  const { url, stop } = await startRegistry({ port: 0, directory: temporary(t), log: silentLogger(), ...options })
  t.after(stop)
  return { url, stop, ask: asking(url) }
}

/** What Eureka's Java client sends of an instance. */
export function said(app: string, id: string, more: object = {}): { readonly instance: Readonly<Record<string, unknown>> } {
  return {
    instance: {
      ...{ instanceId: id, app, hostName: '127.0.0.1', ipAddr: '127.0.0.1', status: 'UP', vipAddress: app.toLowerCase() },
      port: { $: 8080, '@enabled': 'true' },
      securePort: { $: 443, '@enabled': 'false' },
      dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
      leaseInfo: { renewalIntervalInSecs: 30, durationInSecs: 90 },
      metadata: { zone: 'seoul-a' },
      lastDirtyTimestamp: '1000',
      ...more,
    },
  }
}

type Applications = {
  readonly applications: {
    readonly apps__hashcode: string
    readonly application: readonly { readonly name: string; readonly instance: readonly Readonly<Record<string, unknown>>[] }[]
  }
}

/** `['APP/id UP', …]`, and the hash. */
export function listed(answer: Answer): { readonly hash: string; readonly instances: readonly string[] } {
  const { applications } = answer.json() as Applications
  const instances = applications.application.flatMap(({ name, instance }) =>
    instance.map((each) => `${name}/${String(each['instanceId'])} ${String(each['status'])}`),
  )
  return { hash: applications.apps__hashcode, instances }
}

/** Waits until something is so. */
export async function until(what: string, is: () => boolean | Promise<boolean>, within: number = 20_000): Promise<void> {
  const end = performance.now() + within
  while (!(await is())) {
    if (performance.now() > end) throw new Error(`It is not so after ${within} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
