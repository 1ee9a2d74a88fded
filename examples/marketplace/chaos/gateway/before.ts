import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '@dure/testing/servers'
import type { GatewayConfiguration, RouteOptions } from '@dure/gateway'
import { createChild, type Child } from '../child.ts'

const DURE = fileURLToPath(import.meta.resolve('../../../../packages/tools/cli/bin/dure.js'))

/**
 * All that a marketplace serves, at these addresses. To put a product in place may not be repeated, for each time is told of; a gateway that knows no
 * contracts takes every PUT for one that may.
 */
export function marketplaceAt(
  addresses: readonly string[],
  more: Pick<RouteOptions, 'timeout' | 'attemptTimeout' | 'attempts'> = {},
): GatewayConfiguration {
  const all = { ...more, to: 'marketplace' }
  return {
    routes: { all: { ...all, prefix: '/' }, replace: { ...all, path: '/product', methods: ['PUT'], idempotent: false } },
    upstreams: { marketplace: { addresses } },
  }
}

export type GatewayBefore = {
  readonly url: string
  readonly child: Child
  /** Answers of 5xx that it gave: how often, by status and reason. */
  readonly complaints: () => Readonly<Record<string, number>>
  /** Writes its file anew; it takes that by itself, and says so in a line. */
  readonly write: (configuration: GatewayConfiguration) => void
}

/** `dure gateway --supervised`, started before services whose addresses are known. */
export async function gatewayBefore(options: {
  /** Where its files are. */
  readonly directory: string
  readonly configuration: GatewayConfiguration
  readonly onLine?: (line: string) => void
}): Promise<GatewayBefore> {
  const { directory, configuration, onLine = () => {} } = options
  const file = join(directory, 'gateway.json')
  const write = (next: GatewayConfiguration): void => writeFileSync(file, JSON.stringify(next))
  write(configuration)
  const port = String(await freePort())
  const log = join(directory, 'access.log')
  const words = ['gateway', '--config', file, '--port', port, '--data', directory, '--access-log', log, '--supervised']
  const child = createChild({ name: 'The gateway', words: [DURE, ...words], ready: /^Gateway at /m, onLine })
  await child.start()
  const complaints = (): Readonly<Record<string, number>> => {
    const all: Record<string, number> = {}
    for (const line of readFileSync(log, 'utf8').trim().split('\n')) {
      const { status, method, tries, failure } = JSON.parse(line) as Readonly<
        Record<'status' | 'method' | 'tries' | 'failure', unknown>
      >
      const what = `${String(status)} ${String(method)} after ${String(tries)} tries: ${String(failure).replaceAll(/:\d+/g, '')}`
      if (Number(status) >= 499) all[what] = (all[what] ?? 0) + 1
    }
    return all
  }
  return { url: `http://127.0.0.1:${port}`, child, write, complaints }
}
