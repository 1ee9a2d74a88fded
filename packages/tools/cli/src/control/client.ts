import { request as httpRequest, type IncomingMessage } from 'node:http'
import { existsSync, readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { operatorClient, socketPath, type AskOptions, type OperatorClient } from '@dure/operator/client/internal'
import type { ProcessReading } from '@dure/operator/internal'
import type { ConfigRelease, ConfigStatus, ReleaseOptions, RollbackOptions } from 'dure/config'
import { CallError } from 'dure/contract'
import type { Freshness, Instance } from 'dure/discovery'
import type { ForgetOptions, Forgotten } from 'dure/messaging'
import type { Lag } from 'dure/service'
import type { PlacedService, PlaceRequest, Plan } from 'dure/supervisor'
import type { Act, MetricFamily } from 'dure/telemetry'
import { CliError, EXIT } from '../shell.ts'
import type { CallFailure, CallLine, CallRequest, SystemListing } from './protocol.ts'

/** Asks the system that runs on a data directory what it is made of. */
export function askListing(directory: string): Promise<SystemListing> {
  return ask(directory, '/v1/system')
}

/** What `dure instances` shows. */
export type InstanceListing = { readonly instances: readonly Instance[]; readonly freshness: Freshness }

/** Asks it who runs where. */
export function askInstances(directory: string): Promise<InstanceListing> {
  return askOperator(directory, 'processes', 'instances')
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
  return askOperator(directory, 'topics', 'lag')
}

/** Asks it how its settings stand, and what they are. */
export function askConfig(directory: string): Promise<ConfigStatus> {
  return askOperator(directory, 'settings', 'show')
}

/** Asks it for the changes of its settings. */
export function askReleases(directory: string): Promise<readonly ConfigRelease[]> {
  return askOperator(directory, 'settings', 'history')
}

/** Has former settings count again, or what the sources have. @throws {CliError} with what the system said to it */
export function askSettings(
  directory: string,
  what: 'rollback' | 'release',
  { by, reason, ...options }: RollbackOptions & ReleaseOptions,
): Promise<ConfigRelease> {
  return askOperator(directory, 'settings', what, options, { by, reason })
}

/** Has it forget a consumer group. @throws {CliError} with what the system said to it */
export function askForget(directory: string, { reason, by, ...about }: ForgetOptions): Promise<readonly Forgotten[]> {
  return askOperator(directory, 'topics', 'forget', about, { reason, by })
}

/** Has a supervisor run so many copies, where it is told how many; gives the processes there are then. */
export async function askScale(
  directory: string,
  wanted: Readonly<Record<string, number>> = {},
  by?: string,
): Promise<readonly ProcessReading[]> {
  for (const [process, copies] of Object.entries(wanted)) await askSupervisor(directory, 'scale', { process, copies }, by)
  return askPlacement(directory)
}

/** Has it replace these processes one after the other, or all of them; gives the processes there are then. */
export function askRestart(directory: string, names: readonly string[], by?: string): Promise<readonly ProcessReading[]> {
  return askSupervisor(directory, 'replace', { names }, by)
}

/** Asks which process runs what. */
export function askPlacement(directory: string): Promise<readonly ProcessReading[]> {
  return askSupervisor(directory, 'report')
}

/** Has it move a service to another process. @throws {CliError} when it cannot, with what it said */
export function askPlace(directory: string, request: PlaceRequest, by?: string): Promise<PlacedService> {
  return askSupervisor(directory, 'place', request, by)
}

/** Asks what that would change. @throws {CliError} when it cannot run there */
export function askPlan(directory: string, request: PlaceRequest): Promise<Plan> {
  return askSupervisor(directory, 'plan', request)
}

/** Has the system that runs there write to its audit log what was done beside it. @throws {CliError} when it could not */
export async function askRecord(directory: string, act: Act): Promise<void> {
  await ask(directory, '/v1/acts', act)
}

/** Asks the system for the metrics of all its processes. */
export function askMetrics(directory: string): Promise<readonly MetricFamily[]> {
  return ask(directory, '/v1/metrics')
}

/**
 * Asks an operator contract of the system that runs on a data directory, or of its supervisor.
 * @throws {CliError} with what was said to it
 */
export async function askOperator<T>(
  directory: string,
  contract: string,
  operation: string,
  input?: unknown,
  { socket = socketPath(directory), ...options }: AskOptions & { readonly socket?: string } = {},
): Promise<T> {
  if (!existsSync(socket)) throw nothingRuns(directory)
  try {
    return await operatorClient({ socket }).call<T>(contract, operation, input, options)
  } catch (error) {
    if (error instanceof CallError && error.code !== 'UNKNOWN') throw refusal(error)
    throw unreachable(directory, error)
  }
}

/** The same contracts for a program that asks for as long as it runs, also while no system runs there. */
export function operatorOf(directory: string, by: string): OperatorClient {
  const client = operatorClient({ socket: socketPath(directory), by })
  const told = (error: unknown): never => {
    throw error instanceof CallError ? error : unreachable(directory, error)
  }
  return {
    contracts: () => client.contracts().catch(told),
    call: <T>(...asked: Parameters<OperatorClient['call']>) => client.call<T>(...asked).catch(told),
    stream: async function* <T>(...asked: Parameters<OperatorClient['stream']>) {
      try {
        yield* client.stream<T>(...asked)
      } catch (error) {
        told(error)
      }
    },
  }
}

/** What was asked for in the wrong way is not the system's failure. */
function refusal({ code, message }: { readonly code: string; readonly message: string }): CliError {
  return new CliError(message, { exitCode: code === 'INVALID_ARGUMENT' ? EXIT.misuse : EXIT.failed })
}

/** @param by who has it done, for the audit */
function askSupervisor<T>(directory: string, operation: string, input?: unknown, by?: string): Promise<T> {
  const socket = socketPath(directory, 'supervisor')
  if (!existsSync(socket)) throw noSupervisor(directory)
  return askOperator(directory, 'placement', operation, input, { socket, by })
}

function noSupervisor(directory: string): CliError {
  return new CliError(
    `Cannot see the processes on "${directory}": no supervisor runs there; start the system with --split, or name its directory with --data DIR`,
  )
}

/** The answer to a question, or to a request. @throws {CliError} when it is a failure */
async function ask<T>(directory: string, path: string, request?: unknown): Promise<T> {
  const response = await send(directory, path, request)
  const answer = await readJson(directory, response)
  if (response.statusCode === 200) return answer as T
  throw refusal((answer as { readonly error: CallFailure }).error)
}

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

async function send(directory: string, path: string, request?: unknown): Promise<IncomingMessage> {
  const socket = socketPath(directory)
  if (!existsSync(socket)) throw nothingRuns(directory)
  const method = request === undefined ? 'GET' : 'POST'
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ socketPath: socket, method, path, headers: { 'content-type': 'application/json' } }, resolve)
    sent.once('error', (cause) => reject(unreachable(directory, cause)))
    sent.end(request === undefined ? undefined : JSON.stringify(request))
  })
}

function unreachable(directory: string, cause: unknown): unknown {
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'EACCES':
      return new CliError(`Cannot reach the system on "${directory}": its control socket belongs to another user`, { cause })
    case 'ECONNREFUSED':
    case 'ENOENT':
      return nothingRuns(directory)
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UNKNOWN':
      return new EndedError(directory, cause)
    default:
      return cause
  }
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
export class EndedError extends CliError {
  constructor(directory: string, cause: unknown) {
    super(`The system on "${directory}" ended before it answered.`, { cause })
  }
}
