import type { Command } from '@stricli/core'
import { resolve } from 'node:path'
import type { StartedGateway } from '@dure/gateway'
import { keepAlive, realRuntime } from 'dure/runtime'
import { misused, routesOfFile, routesOfIngress, type RouteSource } from '../../gateway-source.ts'
import { loggerOf } from '../../log.ts'
import { CliError, EXIT, print, type Shell } from '../../shell.ts'
import {
  dataFlag,
  defineCommand,
  directoryOf,
  parsedFlag,
  portNumber,
  registryFlag,
  switchFlag,
  textFlag,
} from '../parameters.ts'
import { library, registryAt, registryUrl } from '../registry-library.ts'

type Flags = {
  readonly config?: string
  readonly ingress?: string
  readonly ingressClass?: string
  readonly tlsSecrets?: boolean
  readonly port?: number
  readonly host?: string
  readonly registry?: string
  readonly accessLog?: string
  readonly operator?: number
  readonly announce?: string
  readonly data?: string
  readonly supervised?: boolean
}

export const runCommand: Command<Shell> = defineCommand({
  brief: 'Run an API gateway',
  help: `
        Runs an API gateway by itself, before services that may know nothing of Dure, until somebody wants it to end. Its file is YAML, JSON, or a
        module that exports "routes": { routes, upstreams }. When the file changes it is read again: taken whole, or refused whole and the old routes
        go on. Names that are no upstream are services of the registry.

        Or its routes are Ingress documents of Kubernetes: those of a namespace, as they change, with the instances that Kubernetes knows; or of a file.

        With --supervised the gateway runs in a process of its own, and this one holds its port: it is started again when it falls over, and
        SIGUSR2 has a fresh one take its place (a new release, say). Nobody is refused meanwhile, and what is under way is answered.`,
  examples: [
    'dure gateway --config gateway.yaml',
    'dure gateway --ingress kubernetes://shop --tls-secrets --port 443',
    'dure gateway --config gateway.yaml --supervised',
    'dure gateway --config gateway.ts --port 80 --registry http://127.0.0.1:8761/eureka',
  ],
  flags: {
    config: textFlag('FILE', 'What goes where'),
    ingress: textFlag('FROM', 'The same as Ingress documents: kubernetes://NAMESPACE, or a file of YAML'),
    ingressClass: textFlag('NAME', 'Ingresses of which class are meant, beside those without one (default dure)'),
    tlsSecrets: switchFlag('With --ingress: it speaks TLS, with the certificates of the Secrets that Ingresses name'),
    port: parsedFlag(portNumber, 'N', 'Where it listens (default 8080)'),
    host: textFlag('HOST', 'On which address (default 127.0.0.1, this machine only)'),
    registry: registryFlag,
    accessLog: textFlag('FILE', 'Where a line of JSON goes for each request'),
    operator: parsedFlag(
      portNumber,
      'N',
      'Where it says which configuration it has, for dure gateway wait, and its metrics (on --host)',
    ),
    announce: textFlag('NAME', 'The service that it is in the registry, with its operator address'),
    data: { ...dataFlag, brief: 'Where it keeps its files (default .dure, or DURE_DATA)' } as typeof dataFlag,
    supervised: switchFlag('In a process of its own, whose port this one holds; SIGUSR2 replaces it'),
  },
  positional: { kind: 'tuple', parameters: [] },
  async func(this: Shell, flags: Flags): Promise<void> {
    const { config, ingress, ingressClass, tlsSecrets: tls = false, port = 8080, host = '127.0.0.1', accessLog } = flags
    const directory = directoryOf(this, flags)
    if (flags.supervised === true) {
      const { superviseGateway } = await import('../../supervised-gateway.ts')
      return await superviseGateway(this, { ...flags, port, host, directory })
    }
    const { supervised } = this
    const gateway = await library<typeof import('@dure/gateway')>(this, 'an API gateway', '@dure/gateway')
    const log = loggerOf(this)
    const alive = keepAlive()
    /** What has been begun, and ends whatever comes; what follows a file would keep the process alive. */
    const ends: (() => unknown)[] = []
    try {
      if ((config === undefined) === (ingress === undefined))
        throw new CliError('Cannot run a gateway: say where its routes are: --config FILE, or --ingress', {
          exitCode: EXIT.misuse,
        })
      const source =
        config !== undefined
          ? await routesOfFile(this, { gateway, config, log })
          : await routesOfIngress(this, { gateway, from: ingress!, ingressClass, tls, log })
      ends.push(() => source.close())
      const url = registryUrl(this, flags.registry) ?? source.registry
      if (supervised !== undefined && !(await supervised.loaded())) return
      const started = await gateway
        .startGateway({
          ...{ routes: source.routes, port, host, log, directory, socket: supervised?.sockets.get('gateway') },
          ...(url !== undefined && { registry: await registryAt(this, url) }),
          ...(accessLog !== undefined && { accessLog: resolve(this.cwd, accessLog) }),
          ...((flags.operator !== undefined || flags.announce !== undefined) && { telemetry: {} }),
        })
        .catch(misused)
      ends.push(() => started.stop(supervised?.manner()))
      const told = await tellOf(this, { flags, host, gateway, source, url, started }).catch(misused)
      // Whoever reads that it is ready may end it at once.
      const stopped = this.stopped()
      const where = `Gateway at ${started.url}${told.at === undefined ? '' : `, its operator address ${told.at}`}`
      if (supervised === undefined) print(this, where)
      else supervised.ready({ where })
      ends.push(() => told.stop())
      await stopped
    } finally {
      for (const end of ends.toReversed()) await end()
      alive.stop()
    }
  },
})

/** Says which configuration it has, at an address of its own, and in the registry where that is. */
async function tellOf(
  shell: Shell,
  about: {
    readonly flags: Flags
    readonly host: string
    readonly gateway: typeof import('@dure/gateway')
    readonly source: RouteSource
    readonly url: string | undefined
    readonly started: StartedGateway
  },
): Promise<{ readonly at: string | undefined; readonly stop: () => Promise<void> }> {
  const { flags, host, gateway, source, url, started } = about
  const { announce: name } = flags
  const port = flags.operator ?? (name === undefined ? undefined : 0)
  if (port === undefined) return { at: undefined, stop: async () => {} }
  if (name !== undefined && url === undefined)
    throw new CliError('Cannot announce the gateway: there is no registry; give --registry', { exitCode: EXIT.misuse })
  if (name !== undefined && /^(?:0\.0\.0\.0|::)$/.test(host))
    throw new CliError(`Cannot announce the gateway at ${host}: give --host an address by which others reach it`, {
      exitCode: EXIT.misuse,
    })
  const { routes, refused, staleSince } = source
  const status = () => ({ version: routes.current().version, refused: refused(), staleSince: staleSince() })
  const operator = await gateway.startOperator({ port, host, status, metrics: started.metrics })
  if (name === undefined) return { at: operator.url, stop: operator.stop }
  const runtime = realRuntime()
  const registry = await (await registryAt(shell, url!))({ directory: directoryOf(shell, flags), runtime, log: loggerOf(shell) })
  const endpoints = { http: addressIn(started.url), operator: addressIn(operator.url) }
  const id = `${endpoints.http.host}:${name}:${endpoints.http.port}`
  await registry.register({ service: name, id, version: '0.0.0', status: 'up', endpoints, metadata: {} })
  return {
    at: operator.url,
    stop: async () => {
      await registry.stop()
      await operator.stop()
    },
  }
}

function addressIn(url: string): { readonly kind: 'tcp'; readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url)
  return { kind: 'tcp', host: hostname.replaceAll(/[[\]]/g, ''), port: Number(port === '' ? 80 : port) }
}
