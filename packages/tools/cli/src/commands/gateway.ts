import type { Command } from '@stricli/core'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { GatewayConfiguration } from '@dure/gateway'
import { keepAlive } from 'dure/runtime'
import { importFile } from '../load.ts'
import { loggerOf } from '../log.ts'
import { CliError, EXIT, print, type Shell } from '../shell.ts'
import { watchSources } from '../watch.ts'
import { defineCommand, parsedFlag, portNumber, registryFlag, textFlag } from './parameters.ts'
import { library, registryAt, registryUrl } from './registry-library.ts'

type Flags = {
  readonly config: string
  readonly port?: number
  readonly host?: string
  readonly registry?: string
  readonly accessLog?: string
}

export const gatewayCommand: Command<Shell> = defineCommand({
  brief: 'Run an API gateway',
  help: `
        Runs an API gateway by itself, before services that may know nothing of Dure, until somebody wants it to end. Its file is JSON, or a module
        that exports "routes": { routes, upstreams }. When the file changes it is read again: taken whole, or refused whole and the old routes go
        on. Names that are no upstream are services of the registry.`,
  examples: [
    'dure gateway --config gateway.json',
    'dure gateway --config gateway.ts --port 80 --registry http://127.0.0.1:8761/eureka',
  ],
  flags: {
    config: { kind: 'parsed', parse: String, placeholder: 'FILE', brief: 'What goes where' },
    port: parsedFlag(portNumber, 'N', 'Where it listens (default 8080)'),
    host: textFlag('HOST', 'On which address (default 127.0.0.1, this machine only)'),
    registry: registryFlag,
    accessLog: textFlag('FILE', 'Where a line of JSON goes for each request'),
  },
  positional: { kind: 'tuple', parameters: [] },
  async func(this: Shell, { config, port = 8080, host = '127.0.0.1', registry, accessLog }: Flags): Promise<void> {
    const { liveRoutes, startGateway } = await library<typeof import('@dure/gateway')>(this, 'an API gateway', '@dure/gateway')
    const file = resolve(this.cwd, config)
    const log = loggerOf(this)
    const url = registryUrl(this, registry)
    const alive = keepAlive()
    try {
      const routes = await readRoutes(file, config).then(liveRoutes).catch(refused)
      const started = await startGateway({
        ...{ routes, port, host, log, directory: resolve(this.cwd, '.dure') },
        ...(url !== undefined && { registry: await registryAt(this, url) }),
        ...(accessLog !== undefined && { accessLog: resolve(this.cwd, accessLog) }),
      }).catch(refused)
      let count = 0
      const again = async (): Promise<void> => {
        try {
          routes.set(await readRoutes(file, config, ++count))
          log.info('The routes have changed', { file: config })
        } catch (error) {
          log.error('The routes are not taken, and the old ones go on', { file: config, error: (error as Error).message })
        }
      }
      const watcher = watchSources(dirname(file), { ignore: [], concerns: (path) => path === file, onChange: () => void again() })
      const stopped = this.stopped()
      print(this, `Gateway at ${started.url}`)
      await stopped
      watcher.close()
      await started.stop()
    } finally {
      alive.stop()
    }
  },
})

/** @param change tells versions of a module apart, which would be loaded once */
async function readRoutes(file: string, shown: string, change = 0): Promise<GatewayConfiguration> {
  if (file.endsWith('.json')) {
    try {
      return JSON.parse(readFileSync(file, 'utf8')) as GatewayConfiguration
    } catch (cause) {
      throw new CliError(`Cannot read "${shown}": ${(cause as Error).message}`, { exitCode: EXIT.misuse, cause })
    }
  }
  const exports =
    change === 0
      ? await importFile(file, shown)
      : ((await import(`${pathToFileURL(file).href}?${change}`)) as Readonly<Record<string, unknown>>)
  const { routes } = exports
  if (typeof routes === 'object' && routes !== null) return routes as GatewayConfiguration
  throw new CliError(
    `Cannot use "${shown}" for a gateway: it exports no "routes"; add: export const routes = { routes: {…}, upstreams: {…} }`,
    {
      exitCode: EXIT.misuse,
    },
  )
}

/** What says what is wrong needs no stack. */
function refused(cause: unknown): never {
  const { message } = cause as Error
  throw message.startsWith('Cannot ') && !(cause instanceof CliError)
    ? new CliError(message, { exitCode: EXIT.misuse, cause })
    : cause
}
