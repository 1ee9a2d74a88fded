import type { Command } from '@stricli/core'
import { resolve } from 'node:path'
import { keepAlive } from 'dure/runtime'
import { misused, routesOfFile } from '../../gateway-source.ts'
import { loggerOf } from '../../log.ts'
import { print, type Shell } from '../../shell.ts'
import { defineCommand, parsedFlag, portNumber, registryFlag, textFlag } from '../parameters.ts'
import { library, registryAt, registryUrl } from '../registry-library.ts'

type Flags = {
  readonly config: string
  readonly port?: number
  readonly host?: string
  readonly registry?: string
  readonly accessLog?: string
}

export const runCommand: Command<Shell> = defineCommand({
  brief: 'Run an API gateway',
  help: `
        Runs an API gateway by itself, before services that may know nothing of Dure, until somebody wants it to end. Its file is YAML, JSON, or a
        module that exports "routes": { routes, upstreams }. When the file changes it is read again: taken whole, or refused whole and the old routes
        go on. Names that are no upstream are services of the registry.`,
  examples: [
    'dure gateway --config gateway.yaml',
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
    const gateway = await library<typeof import('@dure/gateway')>(this, 'an API gateway', '@dure/gateway')
    const log = loggerOf(this)
    const url = registryUrl(this, registry)
    const alive = keepAlive()
    try {
      const source = await routesOfFile(this, { library: gateway, config, log })
      const started = await gateway
        .startGateway({
          ...{ routes: source.routes, port, host, log, directory: resolve(this.cwd, '.dure') },
          ...(url !== undefined && { registry: await registryAt(this, url) }),
          ...(accessLog !== undefined && { accessLog: resolve(this.cwd, accessLog) }),
        })
        .catch(misused)
      print(this, `Gateway at ${started.url}`)
      await this.stopped()
      source.close()
      await started.stop()
    } finally {
      alive.stop()
    }
  },
})
