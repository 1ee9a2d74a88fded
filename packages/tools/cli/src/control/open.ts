/** The control door of a system, as it is opened: whoever only asks one loads nothing of this. */
import { rm } from 'node:fs/promises'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as Listener } from 'node:net'
import { CallError } from 'dure/contract'
import { answers } from 'dure/discovery/internal'
import { makeFolder } from 'dure/runtime'
import type { Act } from 'dure/telemetry'
import type { DoorHost, OpenDoor, World } from 'dure/service'
import { createActs, type Acts } from 'dure/telemetry/internal'
import { openOperator, operatorParts, operatorRoutes, type OperatorPart, type OperatorRoutes } from '@dure/operator'
import { readJson, sendJson, socketPath } from '@dure/operator/internal'
import { runCall } from './answer.ts'
import { ownerOf, sendNothing, serveOwner } from './owner-server.ts'
import { listingOf, type CallRequest } from './protocol.ts'

/** @param name of the door, for the socket that was handed to it */
export async function openControl(
  host: DoorHost,
  world: World,
  { name, parts }: { readonly name: string; readonly parts: readonly OperatorPart[] },
): Promise<OpenDoor> {
  const operator = openOperator({ host, world, parts: [...operatorParts, ...parts] })
  const routes = operatorRoutes(operator, { runtime: world.runtime, authenticate: ownerOf })
  const acts = createActs({ record: host.record, runtime: world.runtime, log: world.log })
  const asked = { host, world, acts, routes }
  const handed = world.sockets?.get(name)
  const path = handed === undefined ? await freePath(world) : undefined
  const server = await serveOwner(path ?? { fd: handed! }, (request, response) => answer(asked, request, response))
  const shut = async (): Promise<void> => {
    operator.close()
    await close(server, world)
  }
  return { url: undefined, close: shut }
}

type Asked = { readonly host: DoorHost; readonly world: World; readonly acts: Acts; readonly routes: OperatorRoutes }

/** Where this system's socket is to be, with nothing there any more. */
async function freePath(world: World): Promise<string> {
  makeFolder(world.directory)
  const path = socketPath(world.directory)
  if (await answers(path)) {
    throw new Error(
      `Cannot start on "${world.directory}": a system runs on it already; stop that one, or choose another directory with --data`,
    )
  }
  await rm(path, { force: true })
  return path
}

async function answer(asked: Asked, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { host, world, routes } = asked
  if (await routes(request, response)) return
  switch (`${request.method} ${request.url}`) {
    case 'GET /v1/system':
      return sendJson(response, 200, listingOf(host.system, host.contracts, process.pid))
    case 'GET /v1/metrics':
      return sendJson(response, 200, (await world.telemetry?.metrics.readEverywhere()) ?? [])
    case 'POST /v1/acts':
      await host.record?.((await readJson(request)) as Act)
      return sendJson(response, 200, {})
    case 'POST /v1/call':
      return runCall(asked, await readCall(request), response)
    default:
      return sendNothing(request, response)
  }
}

async function readCall(request: IncomingMessage): Promise<CallRequest> {
  const value = (await readJson(request)) as Partial<CallRequest> | null
  if (typeof value?.service !== 'string' || typeof value.operation !== 'string') {
    throw new CallError('INVALID_ARGUMENT', 'Cannot make the call: it names no service and operation')
  }
  return value as CallRequest
}

async function close(server: Server, world: World): Promise<void> {
  const timer = world.runtime.timers.after(2_000, () => server.closeAllConnections(), 'waited')
  // An HTTP server's own `close` ends what has connected and not asked yet; this half of it only stops listening.
  await new Promise<void>((resolve) => void Listener.prototype.close.call(server, () => resolve()))
  timer.cancel()
  server.close()
}
