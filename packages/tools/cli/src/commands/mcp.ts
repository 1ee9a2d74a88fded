import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Command } from '@stricli/core'
import type { McpServer } from '@dure/operator/internal'
import { realRuntime } from 'dure/runtime'
import { operatorOf } from '../control/control.ts'
import { CliError, print, say, type Shell } from '../shell.ts'
import { VERSION } from '../version.ts'
import { byFlag, dataFlag, defineCommand, directoryOf, parsedFlag, portNumber, switchFlag, whoIs } from './parameters.ts'

type Flags = {
  readonly data?: string
  readonly by?: string
  readonly readOnly?: boolean
  readonly http?: boolean
  readonly port?: number
}

export const mcpCommand: Command<Shell> = defineCommand({
  brief: 'Serve what operators ask to MCP clients',
  help: `
        Gives a model the tools that operators have, for the system that runs on a data directory: health, processes, topics, dead
        letters, sagas and all else there are contracts for. A client starts this command and talks to it over standard input and output;
        with --http it listens on this machine, for whoever has the token that it prints.

        What changes something is marked as destructive, needs a reason, and is written to the audit log; with --read-only there are no such tools.`,
  examples: ['dure mcp --data /var/lib/shop', 'dure mcp --read-only', 'dure mcp --http --port 7777'],
  flags: {
    data: dataFlag,
    by: byFlag,
    readOnly: switchFlag('Without the tools that change something'),
    http: switchFlag('Listen on 127.0.0.1, in place of standard input and output'),
    port: parsedFlag(portNumber, 'N', 'With --http: the port (default: any that is free)'),
  },
  async func(this: Shell, flags: Flags): Promise<void> {
    const operator = operatorOf(directoryOf(this, flags), whoIs(flags.by))
    const { timers } = realRuntime()
    const { mcpServer, serveMcpLines } = await import('@dure/operator/internal')
    const server = mcpServer({ operator, timers, version: VERSION, readOnly: flags.readOnly === true })
    if (flags.http === true) await listen(this, server, flags.port ?? 0)
    else await serveMcpLines(server, { input: this.stdin, write: (line) => this.process.stdout.write(line) })
  },
})

async function listen(shell: Shell, mcp: McpServer, port: number): Promise<void> {
  const token = Buffer.from(realRuntime().random.fill(new Uint8Array(32))).toString('base64url')
  const { mcpRoutes } = await import('@dure/operator/internal')
  const routes = mcpRoutes(mcp, { token })
  const server = createServer({ requestTimeout: 30_000 }, (request, response) => {
    void routes(request, response).then((handled) => handled || response.writeHead(404).end())
  })
  server.maxConnections = 64
  server.listen({ host: '127.0.0.1', port })
  await once(server, 'listening').catch((cause: Error) => {
    throw new CliError(`Cannot listen on 127.0.0.1:${port}: ${cause.message}; give another --port`, { cause })
  })
  print(shell, `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
  print(shell, `Authorization: Bearer ${token}`)
  say(shell, await shell.stopped())
  server.close()
  server.closeAllConnections()
}
