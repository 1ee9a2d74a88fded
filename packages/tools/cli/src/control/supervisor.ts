import { rmSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { makeFolder, realRuntime } from 'dure/runtime'
import { CallError } from 'dure/contract'
import type { Placed, PlaceRequest, Supervisor } from 'dure/supervisor'
import type { RecordAct } from 'dure/telemetry'
import { createActs, type Acts } from 'dure/telemetry/internal'
import { readJson, sendJson, serveOwner } from './owner-server.ts'
import { socketPath } from './socket.ts'

/** The header that says who has it done. */
export const BY = 'dure-by'

export type Servable = Pick<Supervisor, 'processes' | 'scale' | 'replace'>

/** What runs in one process of a supervisor. */
export type ProcessListing = ReturnType<Supervisor['processes']>[number] & { readonly members: readonly string[] }

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
  const acts = createActs({ record, runtime: realRuntime() })
  makeFolder(directory)
  const path = socketPath(directory, 'supervisor')
  rmSync(path, { force: true })
  const server = await serveOwner(path, (request, response) => answer({ supervisor, placed, acts }, request, response))
  return {
    // Who waits for its copies to get ready does not hold up the end of everything.
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(
  { supervisor, placed, acts }: { readonly supervisor: Servable; readonly placed: Placed | undefined; readonly acts: Acts },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const actor = decodeURIComponent(String(request.headers[BY] ?? ''))
  if (request.url === '/v1/place' || request.url === '/v1/place/plan') {
    if (placed === undefined) {
      throw new CallError(
        'UNIMPLEMENTED',
        'Cannot move services: the program that supervises them does not say how they are placed',
      )
    }
    if (request.method === 'POST') {
      const asked = placeRequest(await readJson(request))
      if (request.url === '/v1/place/plan') return sendJson(response, 200, placed.plan(asked))
      const act = { action: 'service.place', actor, subject: asked.service, about: { ...asked } }
      const moved = await acts.along(
        act,
        () => placed.place(asked),
        ({ from, to }) => ({ from, to }),
      )
      return sendJson(response, 200, moved)
    }
    const members = (name: string): readonly string[] => {
      const kind = name.split('#', 1)[0]
      return placed.groups().find((group) => group.name === kind)?.members ?? []
    }
    const processes = supervisor.processes().map((one): ProcessListing => ({ ...one, members: members(one.name) }))
    return sendJson(response, 200, processes)
  }
  if (request.method === 'POST' && request.url === '/v1/scale') {
    const wanted = (await readJson(request)) as Readonly<Record<string, number>>
    for (const [name, copies] of Object.entries(wanted))
      await acts.along({ action: 'service.scale', actor, subject: name, about: { copies } }, () => supervisor.scale(name, copies))
  }
  if (request.method === 'POST' && request.url === '/v1/restart') {
    const names = (await readJson(request)) as readonly string[]
    const act = { action: 'processes.replace', actor, subject: names.join(' ') || 'all' }
    await acts.along(act, () => supervisor.replace(names.length === 0 ? undefined : names))
  }
  sendJson(response, 200, supervisor.processes())
}

function placeRequest(value: unknown): PlaceRequest {
  const { service, where, beside } = (value ?? {}) as Partial<PlaceRequest>
  const texts = typeof service === 'string' && (beside === undefined || typeof beside === 'string')
  if (texts && (where === 'in' || where === 'out')) return { service, where, beside }
  throw new CallError('INVALID_ARGUMENT', 'Cannot move a service: say which, and "in" or "out"')
}
