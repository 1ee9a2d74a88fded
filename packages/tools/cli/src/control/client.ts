import { request as httpRequest, type IncomingMessage } from 'node:http'
import { existsSync, readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { ConfigStatus } from 'dure/config'
import type { ForgetOptions, Forgotten } from 'dure/messaging'
import type { Lag } from 'dure/service'
import type { PlacedService, PlaceRequest, Plan, Supervisor } from 'dure/supervisor'
import type { Act, MetricFamily } from 'dure/telemetry'
import { CliError, EXIT } from '../shell.ts'
import type { AskAnswer, AskRequest } from './ask.ts'
import type { DeadAnswer, DeadRequest } from './dead-protocol.ts'
import type { CallFailure, CallLine, CallRequest, InstanceListing, SystemListing } from './protocol.ts'
import { socketPath } from './socket.ts'
import { BY, type ProcessListing } from './supervisor.ts'

/** Asks the system that runs on a data directory what it is made of. */
export function askListing(directory: string): Promise<SystemListing> {
  return ask(directory, '/v1/system')
}

/** Asks it who runs where. */
export function askInstances(directory: string): Promise<InstanceListing> {
  return ask(directory, '/v1/instances')
}

/**
 * Asks the system that runs on a data directory how far its consumers are behind.
 * @throws {CliError} when nothing runs there, or it has no control door
 *
 * @example
 * ```ts
 * import { askLag } from '@dure/cli'
 *
 * await askLag('empty').catch((error: Error) => console.log(error.message.split('\n')[0]))
 * // → Nothing runs on the data directory "empty".
 * ```
 */
export function askLag(directory: string): Promise<Lag> {
  return ask(directory, '/v1/lag')
}

/** Asks it how its settings stand, and what they are. */
export function askConfig(directory: string): Promise<ConfigStatus> {
  return ask(directory, '/v1/config')
}

/** Has it forget a consumer group. @throws {CliError} with what the system said to it */
export function askForget(directory: string, options: ForgetOptions): Promise<readonly Forgotten[]> {
  return ask(directory, '/v1/lag/forget', options)
}

/** Has a supervisor run so many copies, where it is told how many; gives the processes there are then. */
export async function askScale(
  directory: string,
  wanted: Readonly<Record<string, number>> | undefined,
  by?: string,
): Promise<ReturnType<Supervisor['processes']>> {
  return askSupervisor(directory, '/v1/scale', wanted, by)
}

/** Has it replace these processes one after the other, or all of them; gives the processes there are then. */
export async function askRestart(
  directory: string,
  names: readonly string[],
  by?: string,
): Promise<ReturnType<Supervisor['processes']>> {
  return askSupervisor(directory, '/v1/restart', names, by)
}

/** Asks which process runs what. */
export async function askPlacement(directory: string): Promise<readonly ProcessListing[]> {
  return askSupervisor(directory, '/v1/place', undefined)
}

/** Has it move a service to another process. @throws {CliError} when it cannot, with what it said */
export async function askPlace(directory: string, request: PlaceRequest, by?: string): Promise<PlacedService> {
  return askSupervisor(directory, '/v1/place', request, by)
}

/** Asks what that would change. @throws {CliError} when it cannot run there */
export async function askPlan(directory: string, request: PlaceRequest): Promise<Plan> {
  return askSupervisor(directory, '/v1/place/plan', request)
}

/** Has the system that runs there write to its audit log what was done beside it. @throws {CliError} when it could not */
export async function askRecord(directory: string, act: Act): Promise<void> {
  await ask(directory, '/v1/acts', act)
}

/** Asks the system for the metrics of all its processes. */
export function askMetrics(directory: string): Promise<readonly MetricFamily[]> {
  return ask(directory, '/v1/metrics')
}

/** @param by who has it done, for the audit */
function askSupervisor<T>(directory: string, path: string, request: unknown, by?: string): Promise<T> {
  const socket = socketPath(directory, 'supervisor')
  if (!existsSync(socket)) throw noSupervisor(directory)
  return ask(directory, path, request, { socket, headers: by === undefined ? {} : { [BY]: encodeURIComponent(by) } })
}

function noSupervisor(directory: string): CliError {
  return new CliError(
    `Cannot see the processes on "${directory}": no supervisor runs there; start the system with --split, or name its directory with --data DIR`,
  )
}

type Way = { readonly socket?: string; readonly headers?: Readonly<Record<string, string>> }

/** The answer to a question, or to a request. @throws {CliError} when it is a failure */
async function ask<T>(directory: string, path: string, request?: unknown, way: Way = {}): Promise<T> {
  const response = await send(directory, path, request, way)
  const answer = await readJson(directory, response)
  if (response.statusCode === 200) return answer as T
  const { error } = answer as { readonly error: CallFailure }
  // What was asked for in the wrong way is not the system's failure.
  throw new CliError(error.message, { exitCode: error.code === 'INVALID_ARGUMENT' ? EXIT.misuse : EXIT.failed })
}

/** Asks services' extensions of one kind, or has something done to them. @throws {CliError} with what the system said to it */
export function askExtensions<T>(directory: string, request: AskRequest): Promise<AskAnswer<T>> {
  return ask(directory, '/v1/ask', request)
}

/** Asks about dead letters, or has something done to them. @throws {CliError} with what the system said to it */
export function askDead<T>(directory: string, request: DeadRequest): Promise<DeadAnswer<T>> {
  return ask<DeadAnswer<T>>(directory, '/v1/dead', request).catch((error: unknown) => {
    if (!(error instanceof EndedError) || !CHANGES.has(request.action)) throw error
    throw new CliError(`${error.message} Whether it was done is told by "dure dead audit".`, { cause: error })
  })
}

const CHANGES: ReadonlySet<DeadRequest['action']> = new Set(['retry', 'edit', 'discard'])

/** Makes a call through the control socket. Ending the iteration early cancels it. */
export async function* askCall(directory: string, call: CallRequest): AsyncGenerator<CallLine> {
  const response = await send(directory, '/v1/call', call)
  let ended = false
  try {
    for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
      if (line === '') continue
      const value = JSON.parse(line) as CallLine
      ended = 'done' in value || 'error' in value
      yield value
    }
  } finally {
    response.destroy()
  }
  if (!ended) throw new CliError(`Cannot finish the call: the system on "${directory}" stopped before it answered`)
}

async function readJson(directory: string, response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
  } catch (cause) {
    throw new EndedError(directory, cause)
  }
  return JSON.parse(Buffer.concat(chunks).toString())
}

async function send(
  directory: string,
  path: string,
  request?: unknown,
  { socket = socketPath(directory), headers = {} }: Way = {},
): Promise<IncomingMessage> {
  if (!existsSync(socket)) throw nothingRuns(directory)
  const method = request === undefined ? 'GET' : 'POST'
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      { socketPath: socket, method, path, headers: { 'content-type': 'application/json', ...headers } },
      resolve,
    )
    sent.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EACCES') {
        reject(new CliError(`Cannot reach the system on "${directory}": its control socket belongs to another user`, { cause }))
      } else if (cause.code === 'ECONNREFUSED' || cause.code === 'ENOENT') reject(nothingRuns(directory))
      else reject(cause.code === 'ECONNRESET' || cause.code === 'EPIPE' ? new EndedError(directory, cause) : cause)
    })
    sent.end(request === undefined ? undefined : JSON.stringify(request))
  })
}

function nothingRuns(directory: string): CliError {
  return new CliError(
    `Nothing runs on the data directory "${directory}".\n` +
      'Start the system with "dure dev" or "dure start", or name its directory with --data DIR.' +
      (hasData(directory)
        ? '\nA system keeps its data there: if a program of your own runs it, give it the door that answers here, control() of "@dure/cli".'
        : ''),
  )
}

/** Whoever runs a system without the door for this command should not be told that it does not run, and no more. */
function hasData(directory: string): boolean {
  try {
    return readdirSync(directory).some((name) => name.endsWith('.lock'))
  } catch {
    return false
  }
}

/** What was asked for may have been done. */
class EndedError extends CliError {
  constructor(directory: string, cause: unknown) {
    super(`The system on "${directory}" ended before it answered.`, { cause })
  }
}
