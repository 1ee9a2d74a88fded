import type { Command } from '@stricli/core'
import { resolve } from 'node:path'
import { keepAlive } from 'dure/runtime'
import { dataDirectory } from '../data.ts'
import { loggerOf } from '../log.ts'
import { CliError, print, type Shell } from '../shell.ts'
import { defineCommand, parsedFlag, portNumber, textFlag } from './parameters.ts'
import { library } from './registry-library.ts'

type Library = typeof import('@dure/collector')
type Flags = {
  readonly data?: string
  readonly port?: number
  readonly host?: string
}

/** What others have to say, where no list of processes shows it. */
const TOKEN = 'DURE_COLLECTOR_TOKEN'

export const collectorCommand: Command<Shell> = defineCommand({
  brief: 'Run a collector of logs, spans and metrics',
  help: `
        Collects what is told to it until somebody wants it to end, and stores it in the data directory. The processes of a system on the same
        directory tell it by themselves; others send theirs by OTLP over HTTP (/v1/traces, /v1/logs, /v1/metrics), or lines of JSON (/v1/lines).

        Whoever reaches it may write and read, unless ${TOKEN} is set: then all have to send it, as "authorization: Bearer".`,
  examples: ['dure collector', 'dure collector --data .dure --port 4318', 'dure collector --host 0.0.0.0'],
  flags: {
    data: textFlag('DIR', 'The data directory of the system (default .dure)'),
    port: parsedFlag(portNumber, 'N', 'Where it listens (default 4318)'),
    host: textFlag('HOST', 'On which address (default 127.0.0.1, this machine only)'),
  },
  positional: { kind: 'tuple', parameters: [] },
  async func(this: Shell, flags: Flags): Promise<void> {
    const { port = 4318, host = '127.0.0.1' } = flags
    const directory = resolve(this.cwd, dataDirectory(flags.data, this.process.env))
    const { startCollector } = await library<Library>(this, 'a collector', '@dure/collector')
    const token = this.process.env?.[TOKEN]
    const alive = keepAlive()
    try {
      const { url, stop } = await startCollector({ directory, port, host, ...(token && { token }), log: loggerOf(this) }).catch(
        failed,
      )
      const stopped = this.stopped()
      print(this, `Collector at ${url}`)
      await stopped
      await stop()
    } finally {
      alive.stop()
    }
  },
})

/** @throws {CliError} what names what could not be done needs no stack */
function failed(cause: unknown): never {
  const { message } = cause as Error
  throw message.startsWith('Cannot ') ? new CliError(message, { cause }) : cause
}
