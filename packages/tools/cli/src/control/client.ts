import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { CliError } from '../shell.ts'
import type { CallLine, CallRequest, SystemListing } from './protocol.ts'
import { socketPath } from './socket.ts'

/** Asks the system that runs on a data directory what it is made of. */
export async function askListing(directory: string): Promise<SystemListing> {
  const response = await send(directory, 'GET', '/v1/system')
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return JSON.parse(text) as SystemListing
}

/** Makes a call through the control socket. Ending the iteration early cancels it. */
export async function* askCall(directory: string, call: CallRequest): AsyncGenerator<CallLine> {
  const response = await send(directory, 'POST', '/v1/call', JSON.stringify(call))
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

async function send(directory: string, method: string, path: string, body?: string): Promise<IncomingMessage> {
  const socket = socketPath(directory)
  if (!existsSync(socket)) throw nothingRuns(directory)
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath: socket, method, path, headers: { 'content-type': 'application/json' } }, resolve)
    request.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EACCES') {
        reject(new CliError(`Cannot reach the system on "${directory}": its control socket belongs to another user`, { cause }))
      } else reject(cause.code === 'ECONNREFUSED' || cause.code === 'ENOENT' ? nothingRuns(directory) : cause)
    })
    request.end(body)
  })
}

function nothingRuns(directory: string): CliError {
  return new CliError(
    `Nothing runs on the data directory "${directory}".\n` +
      'Start the system with "dure dev" or "dure start", or name its directory with --data DIR.',
  )
}
