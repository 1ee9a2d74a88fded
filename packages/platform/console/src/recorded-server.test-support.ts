/** The console's own server, in front of answers that were recorded. */
import type { AddressInfo } from 'node:net'
import { readJson, sendJson } from '@dure/operator/internal'
import { hostsOf } from 'dure/door/internal'
import { silentLogger } from 'dure/telemetry'
import type { Admission } from './access.ts'
import { clientFiles } from './files.ts'
import { recorded } from './recorded.test-support.ts'
import type { Answers } from './recorded/basis.test-support.ts'
import { createConsoleServer } from './server.ts'

export type Recorded = {
  readonly url: string
  readonly asked: readonly string[]
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

const COMMANDS = ['retry', 'discard', 'edit', 'publish', 'resume', 'skip', 'compensate', 'call']

/** What is asked of it, in JSON form, is answered from `answers`; commands are for operators, and need a reason where they destroy. */
export async function openRecorded(
  options: { readonly answers?: Answers; readonly production?: boolean; readonly role?: 'viewer' | 'operator' } = {},
): Promise<Recorded> {
  const { answers = recorded, production = false, role = 'operator' } = options
  const asked: string[] = []
  const hosts = new Set<string>()
  const admission: Admission = { caller: () => ({ name: 'ida', role }), link: undefined, enter: undefined }
  const server = createConsoleServer({
    ...{ hosts, files: clientFiles(), admission: () => admission, log: silentLogger() },
    about: { system: 'marketplace', production },
    operator: async (request, response) => {
      const [contract = '', operation = ''] = request.url!.split('?')[0]!.split('/').slice(3).map(decodeURIComponent)
      if (contract === '') sendJson(response, 200, { contracts: catalogue(answers) })
      else if (request.method === 'GET') {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
        const told = answers[contract]?.[operation]?.({})
        if (told !== undefined) response.write(`data: ${JSON.stringify(told)}\n\n`)
      } else {
        const input = (await readJson(request)) as Readonly<Record<string, unknown>>
        asked.push(
          `${contract}.${operation} ${JSON.stringify(input)} ${decodeURIComponent(String(request.headers['x-dure-reason'] ?? ''))}`,
        )
        const answer = answers[contract]?.[operation]
        if (answer === undefined)
          sendJson(response, 501, {
            error: { code: 'UNIMPLEMENTED', message: `Cannot ask ${contract}.${operation}: it is not there` },
          })
        else sendJson(response, 200, { value: answer(input) })
      }
      return true
    },
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  for (const name of hostsOf(port)) hosts.add(name)
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

function catalogue(answers: Answers): unknown {
  return Object.entries(answers).map(([name, operations]) => ({
    name,
    description: `What ${name} tells`,
    operations: Object.keys(operations).map((operation) => {
      const isCommand = COMMANDS.includes(operation)
      return {
        name: operation,
        kind: isCommand ? 'command' : 'query',
        role: isCommand ? 'operator' : 'viewer',
        reason: isCommand && operation !== 'retry' && operation !== 'call',
      }
    }),
  }))
}
