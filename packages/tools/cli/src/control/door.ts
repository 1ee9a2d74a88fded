import { rm } from 'node:fs/promises'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as Listener } from 'node:net'
import { CallError } from 'dure/contract'
import type { Instance } from 'dure/discovery'
import { answers } from 'dure/discovery/internal'
import type { ForgetOptions } from 'dure/messaging'
import { makeFolder } from 'dure/runtime'
import type { Act } from 'dure/telemetry'
import type { Door, DoorHost, OpenDoor, World } from 'dure/service'
import { createActs, type Acts } from 'dure/telemetry/internal'
import { callFailure, runCall } from './answer.ts'
import { answerAsk, type AskRequest } from './ask.ts'
import { answerDead } from './dead.ts'
import type { DeadRequest } from './dead-protocol.ts'
import { readJson, sendJson, serveOwner } from './owner-server.ts'
import { listingOf, type CallRequest, type InstanceListing } from './protocol.ts'
import { socketPath } from './socket.ts'

const NAME = 'control'

/**
 * The door for whoever owns the data directory: `dure call`, `dure dead`, `dure lag`, `dure instances`, `dure list --data`. A Unix
 * domain socket that only its owner may open, speaking JSON over HTTP. Opening it throws when another process already runs
 * on the directory.
 *
 * @example
 * ```ts
 * import { control } from '@dure/cli'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * // `dure call`, `dure dead` and `dure lag` then work on its data directory.
 * const time = system('time', { services: [clock], doors: [control()] })
 * console.log(time.doors[0]?.name) // → control
 * ```
 */
export function control(): Door {
  return { name: NAME, open, listens: (directory) => ({ kind: 'unix', path: socketPath(directory) }) }
}

async function open(host: DoorHost, world: World): Promise<OpenDoor> {
  const asked = { host, world, acts: createActs({ record: host.record, runtime: world.runtime, log: world.log }) }
  const handed = world.sockets?.get(NAME)
  const path = handed === undefined ? await freePath(world) : undefined
  const server = await serveOwner(path ?? { fd: handed! }, (request, response) => answer(asked, request, response))
  return { url: undefined, close: () => close(server, world) }
}

type Asked = { readonly host: DoorHost; readonly world: World; readonly acts: Acts }

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
  const { host, world } = asked
  switch (`${request.method} ${request.url}`) {
    case 'GET /v1/system':
      return sendJson(response, 200, listingOf(host.system, host.contracts, process.pid))
    case 'GET /v1/instances':
      return sendJson(response, 200, await instancesOf(host))
    case 'GET /v1/metrics':
      return sendJson(response, 200, (await world.telemetry?.metrics.readEverywhere()) ?? [])
    case 'GET /v1/config':
      return sendJson(response, 200, host.config())
    case 'GET /v1/lag':
      return sendJson(response, 200, await host.lag())
    case 'POST /v1/lag/forget':
      return sendJson(response, 200, await host.forget((await readJson(request)) as ForgetOptions))
    case 'POST /v1/dead':
      return sendJson(response, 200, await answerDead(host, (await readJson(request)) as DeadRequest))
    case 'POST /v1/ask':
      return sendJson(response, 200, await answerAsk(host, (await readJson(request)) as AskRequest))
    case 'POST /v1/acts':
      await host.record?.((await readJson(request)) as Act)
      return sendJson(response, 200, {})
    case 'POST /v1/call':
      return runCall(asked, await readCall(request), response)
    default:
      return sendJson(response, 404, { error: callFailure(new CallError('UNIMPLEMENTED', `Nothing is at "${request.url}"`)) })
  }
}

async function instancesOf(host: DoorHost): Promise<InstanceListing> {
  const registry = await host.registry()
  // A name with a dot is no service: it is how processes know each other.
  const services = registry.services().filter((name) => !name.includes('.'))
  const byCopy = (a: Instance, b: Instance): number => copyOf(a).localeCompare(copyOf(b), 'en', { numeric: true })
  return { instances: services.flatMap((name) => registry.instances(name).toSorted(byCopy)), freshness: registry.freshness() }
}

const copyOf = ({ service, metadata: { copy = service } }: Instance): string => copy

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
