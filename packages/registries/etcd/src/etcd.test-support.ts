import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { startLocalServer, type LocalServer, type LocalServerOptions } from '@dure/testing/servers'
import type { Instance, Registry } from 'dure/discovery'
import { realRuntime } from 'dure/runtime'
import { silentLogger, type Logger } from 'dure/telemetry'
import { fromBase64, inBase64 } from './address.ts'
import { etcdRegistry, type EtcdRegistryOptions } from './etcd.ts'

export type Teller = Pick<TestContext, 'after'>

export async function started(t: Teller, options: LocalServerOptions = {}): Promise<LocalServer> {
  const server = await startLocalServer('etcd', options)
  t.after(() => server.close())
  return server
}

export async function open(
  t: Teller,
  url: string,
  options: Partial<EtcdRegistryOptions> & { readonly log?: Logger; readonly directory?: string } = {},
): Promise<Registry> {
  const { log = silentLogger(), directory = mkdtempSync(join(tmpdir(), 'dure-etcd-')), ...more } = options
  const registry = await etcdRegistry({ url, ...more })({ directory, runtime: realRuntime(), log })
  t.after(async () => {
    await registry.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return registry
}

type Answer = Readonly<Record<string, unknown>>
/** Asks an etcd as any client may. */
export async function ask(
  port: number,
  path: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const answer = await fetch(`http://127.0.0.1:${port}/v3/${path}`, { method: 'POST', body: JSON.stringify(body), headers })
  return (await answer.json()) as Answer
}

export const put = (port: number, key: string, value: string): Promise<Answer> =>
  ask(port, 'kv/put', { key: inBase64(key), value: inBase64(value) })

/** Keys below a prefix, and what is there. */
export async function entries(port: number, prefix: string): Promise<Readonly<Record<string, string>>> {
  const range_end = inBase64(`${prefix}\u{ffff}`)
  const { kvs = [] } = (await ask(port, 'kv/range', { key: inBase64(prefix), range_end })) as {
    readonly kvs?: readonly { readonly key: string; readonly value?: string }[]
  }
  return Object.fromEntries(kvs.map(({ key, value = '' }) => [fromBase64(key), fromBase64(value)]))
}

export const orders = (id: string, more: Partial<Instance> = {}): Instance => ({
  ...{ service: 'orders', id, version: '1.0.0', status: 'up', endpoints: {}, metadata: {} },
  ...more,
})

export const ids = (registry: Registry, service: string = 'orders'): string =>
  registry
    .instances(service)
    .map(({ id }) => id)
    .toSorted()
    .join()

/** Waits until something is so. */
export async function until(what: string, is: () => boolean | Promise<boolean>, within: number = 20_000): Promise<void> {
  const end = performance.now() + within
  while (!(await is())) {
    if (performance.now() > end) throw new Error(`It is not so after ${within} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
