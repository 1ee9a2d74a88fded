import { rmSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { makeFolder } from 'dure/runtime'
import type { Supervisor } from 'dure/supervisor'
import { readJson, sendJson, serveOwner } from './owner-server.ts'
import { socketPath } from './socket.ts'

export type Servable = Pick<Supervisor, 'processes' | 'scale' | 'replace'>

/**
 * Lets the owner of a data directory scale and replace what its supervisor runs, with `dure scale` and `dure restart`: a Unix
 * socket in the directory that only its owner may open. The supervisor is the only one of its directory, so what is there already was left behind.
 *
 * @example
 * ```ts
 * import { serveSupervisor } from '@dure/cli'
 *
 * // In a program that calls `supervise` itself; `dure start --split` does it by itself.
 * const supervisor = { processes: () => [{ name: 'orders', pid: 7, restarts: 0 }], scale: async () => {}, replace: async () => {} }
 * const served = await serveSupervisor({ directory: '.dure', supervisor })
 * await served.close()
 * ```
 */
export async function serveSupervisor(options: {
  readonly directory: string
  readonly supervisor: Servable
}): Promise<{ readonly close: () => Promise<void> }> {
  const { directory, supervisor } = options
  makeFolder(directory)
  const path = socketPath(directory, 'supervisor')
  rmSync(path, { force: true })
  const server = await serveOwner(path, (request, response) => answer(supervisor, request, response))
  return {
    // Who waits for its copies to get ready does not hold up the end of everything.
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(supervisor: Servable, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'POST' && request.url === '/v1/scale') {
    const wanted = (await readJson(request)) as Readonly<Record<string, number>>
    for (const [name, copies] of Object.entries(wanted)) await supervisor.scale(name, copies)
  }
  if (request.method === 'POST' && request.url === '/v1/restart') {
    const names = (await readJson(request)) as readonly string[]
    await supervisor.replace(names.length === 0 ? undefined : names)
  }
  sendJson(response, 200, supervisor.processes())
}
