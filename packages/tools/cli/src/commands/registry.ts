import type { Command, RouteMap } from '@stricli/core'
import { resolve } from 'node:path'
import type { Instance, Registry } from 'dure/discovery'
import { keepAlive, realRuntime } from 'dure/runtime'
import { silentLogger, type Logger } from 'dure/telemetry'
import { loggerOf } from '../log.ts'
import { CliError, EXIT, layoutOf, print, type Shell } from '../shell.ts'
import { instancesText } from './instances.ts'
import {
  defineCommand,
  defineRoutes,
  jsonFlag,
  parsedFlag,
  portNumber,
  printResult,
  registryFlag,
  textFlag,
} from './parameters.ts'
import { DEFAULT_URL, registryAt, registryLibrary, registryUrl } from './registry-library.ts'

const startCommand: Command<Shell> = defineCommand({
  brief: 'Run a service registry',
  help: `
        Runs a service registry with Eureka's REST interface, until somebody wants it to end. What it knows is kept in its directory: started
        again, it knows all instances, and each has one lease to be heard of. Whoever reaches it may change it, unless
        DURE_REGISTRY_CREDENTIALS is user:password.`,
  examples: ['dure registry start', 'dure registry start --data /var/lib/registry --host 0.0.0.0'],
  flags: {
    data: textFlag('DIR', 'Where it keeps what it knows (default .dure/registry-server)'),
    port: parsedFlag(portNumber, 'N', 'Where it listens (default 8761)'),
    host: textFlag('HOST', 'On which address (default 127.0.0.1, this machine only)'),
  },
  positional: { kind: 'tuple', parameters: [] },
  async func(this: Shell, flags: { readonly data?: string; readonly port?: number; readonly host?: string }): Promise<void> {
    const { startRegistry } = await registryLibrary(this)
    const { data = '.dure/registry-server', port = 8761, host = '127.0.0.1' } = flags
    const credentials = credentialsOf(this.process.env?.['DURE_REGISTRY_CREDENTIALS'])
    const log = loggerOf(this)
    const directory = resolve(this.cwd, data)
    const alive = keepAlive()
    try {
      const { url, stop } = await startRegistry({ directory, port, host, log, ...(credentials && { credentials }) }).catch(failed)
      const stopped = this.stopped()
      print(this, `Registry at ${url}`)
      await stopped
      await stop()
    } finally {
      alive.stop()
    }
  },
})

const listCommand: Command<Shell> = defineCommand({
  brief: 'List the instances of all services in a registry',
  help: `
        Lists every instance of every service that a Eureka server or an etcd knows, in any language: its status, version, zone and age, where it
        listens, and what else it says of itself. A registry that keeps what it has not heard of for long is said to be stale.`,
  examples: ['dure registry list', 'dure registry list --registry etcd://127.0.0.1:2379/shop --json'],
  flags: { registry: registryFlag, json: jsonFlag },
  positional: { kind: 'tuple', parameters: [] },
  async func(this: Shell, flags: { readonly registry?: string; readonly json?: boolean }): Promise<void> {
    const url = registryUrl(this, flags.registry) ?? DEFAULT_URL
    let why = 'it does not answer'
    const log: Logger = { ...silentLogger(), warn: (_message, fields) => void (why = String(fields?.['why'] ?? why)) }
    const registry = await openRegistry(this, url, log)
    try {
      const freshness = registry.freshness()
      const instances: readonly Instance[] = registry.services().flatMap((name) => registry.instances(name))
      if (!freshness.fresh && instances.length === 0) throw new CliError(`Cannot ask the registry: ${why}; ${adviceFor(why)}`)
      const directory = resolve(this.cwd, '.dure')
      const now = realRuntime().clock.now()
      printResult(this, flags, { instances, freshness }, () =>
        instances.length === 0
          ? 'It knows no instances'
          : instancesText({ instances, freshness }, layoutOf(this), { directory, now }),
      )
    } finally {
      await registry.stop()
    }
  },
})

/** One that answers has the address right. */
function adviceFor(why: string): string {
  if (/^it answered 40[13]\b/.test(why)) return 'look at the account that it is asked with'
  return 'give its address with --registry, or start one: dure registry start'
}

export const registryCommands: RouteMap<Shell> = defineRoutes({
  routes: { start: startCommand, list: listCommand },
  brief: 'Run a service registry, and look into one',
  help: `
        Runs a service registry with Eureka's REST interface (that of @dure/registry), and looks into one, into another Eureka server, or into an etcd. A system
        is found through it with registry: eurekaRegistry({ url }), or with dure start --registry.`,
  examples: ['dure registry start', 'dure registry list'],
})

export const registrarCommand: Command<Shell> = defineCommand({
  brief: 'Run a program that knows no registry, and register it',
  help: `
        Runs a program, and registers it in a Eureka server or an etcd for as long as it runs and its health URL answers with 2xx. Ended by a signal, it
        says first that it drains. Exits as the program does.`,
  examples: ['dure registrar --name billing --port 8080 --health http://127.0.0.1:8080/health -- java -jar billing.jar'],
  flags: {
    name: { kind: 'parsed', parse: String, placeholder: 'SERVICE', brief: 'What it is found by' },
    port: { kind: 'parsed', parse: portNumber, placeholder: 'N', brief: 'Where it listens, for HTTP' },
    host: textFlag('HOST', 'On which address others reach it (default 127.0.0.1)'),
    health: textFlag('URL', 'What is asked whether it is well (default: it is, while it runs)'),
    registry: registryFlag,
  },
  positional: {
    kind: 'array',
    minimum: 1,
    parameter: { parse: String, placeholder: 'program', brief: 'The program and its words, after --' },
  },
  async func(this: Shell, flags: RegistrarFlags, ...words: readonly string[]): Promise<void> {
    const { name, port, host = '127.0.0.1', health } = flags
    if (health !== undefined && !/^https?:/.test(health))
      throw new CliError(`Cannot ask "${health}": give a --health that begins with http:// or https://`, {
        exitCode: EXIT.misuse,
      })
    const log = loggerOf(this)
    const { registrar } = await registryLibrary(this)
    const alive = keepAlive()
    try {
      const registry = await openRegistry(this, registryUrl(this, flags.registry) ?? DEFAULT_URL, log)
      const running = await registrar({
        registry,
        instance: { service: name, version: '0.0.0', endpoints: { http: { kind: 'tcp', host, port } }, metadata: {} },
        program: words as unknown as readonly [string, ...string[]],
        ...(health !== undefined && { health: { url: health } }),
        ...{ cwd: this.cwd, env: this.process.env, runtime: realRuntime(), log },
      }).catch(async (error: unknown) => {
        await registry.stop()
        return failed(error)
      })
      void this.stopped().then(() => running.stop())
      const { code } = await running.ended
      this.process.exitCode = code ?? EXIT.failed
    } finally {
      alive.stop()
    }
  },
})

type RegistrarFlags = {
  readonly name: string
  readonly port: number
  readonly host?: string
  readonly health?: string
  readonly registry?: string
}

async function openRegistry(shell: Shell, url: string, log: Logger): Promise<Registry> {
  try {
    return await (
      await registryAt(shell, url)
    )({ directory: resolve(shell.cwd, '.dure'), runtime: realRuntime(), log })
  } catch (cause) {
    if (cause instanceof CliError) throw cause
    throw new CliError((cause as Error).message, { exitCode: EXIT.misuse, cause })
  }
}

/** @throws {CliError} what names what could not be done needs no stack */
function failed(cause: unknown): never {
  const { message } = cause as Error
  throw message.startsWith('Cannot ') ? new CliError(message, { cause }) : cause
}

function credentialsOf(text: string | undefined): { readonly user: string; readonly password: string } | undefined {
  if (text === undefined || text === '') return undefined
  const [, user, password] = /^([^:]+):(.+)$/s.exec(text) ?? []
  if (user !== undefined && password !== undefined) return { user, password }
  throw new CliError('Cannot use DURE_REGISTRY_CREDENTIALS: give it as user:password', { exitCode: EXIT.misuse })
}
