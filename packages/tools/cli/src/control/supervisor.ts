import { rmSync } from 'node:fs'
import { makeFolder, realRuntime } from 'dure/runtime'
import { socketPath } from '@dure/operator/client/internal'
import type { Servable } from '@dure/operator/internal'
import type { Placed } from 'dure/supervisor'
import { silentLogger, type RecordAct } from 'dure/telemetry'
import { createActs } from 'dure/telemetry/internal'

/**
 * Lets the owner of a data directory scale and replace what its supervisor runs, with `dure scale` and `dure restart`, and move
 * services between its processes with `dure place`, where it is told how they are `placed`: a Unix
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
  readonly placed?: Placed
  /** Writes to the audit log of the system who has had something moved, scaled or replaced; what is done does not wait for it. Default: nowhere. */
  readonly record?: RecordAct | undefined
}): Promise<{ readonly close: () => Promise<void> }> {
  const { directory, supervisor, placed, record } = options
  // What answers takes long to load, and whoever asks comes by here as well.
  const { operatorRoutes } = await import('@dure/operator')
  const { answeredBy, answerParts, supervised } = await import('@dure/operator/internal')
  const { ownerOf, serveOwner, sendNothing } = await import('./owner-server.ts')
  const runtime = realRuntime()
  const operator = answerParts({
    ...{ system: 'supervisor', runtime, log: silentLogger(), acts: createActs({ record, runtime }) },
    answered: [answeredBy(supervised, { supervisor, placed })],
  })
  const routes = operatorRoutes(operator, { runtime, authenticate: ownerOf })
  makeFolder(directory)
  const path = socketPath(directory, 'supervisor')
  rmSync(path, { force: true })
  const server = await serveOwner(path, async (request, response) => {
    if (!(await routes(request, response))) sendNothing(request, response)
  })
  return {
    // Who waits for its copies to get ready does not hold up the end of everything.
    close: () =>
      new Promise((resolve) => {
        operator.close()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
