import type { Command } from '@stricli/core'
import { resolve } from 'node:path'
import type { GatewayStatus } from '@dure/gateway'
import type { Address, Registry } from 'dure/discovery'
import { realRuntime, type Runtime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { misused, readSome, WRITTEN } from '../../gateway-source.ts'
import { CliError, EXIT, print, type Shell } from '../../shell.ts'
import { defineCommand, parsedFlag, registryFlag, textFlag, wholeNumber } from '../parameters.ts'
import { library, registryAt, registryUrl } from '../registry-library.ts'

type Flags = {
  readonly config?: string
  readonly at?: readonly string[]
  readonly registry?: string
  readonly name?: string
  readonly timeout?: number
}

/** Milliseconds between questions, and for each. */
const [AGAIN, ANSWER] = [100, 2_000]

export const waitCommand: Command<Shell> = defineCommand({
  brief: 'Wait until every instance of a gateway has a configuration',
  help: `
        Waits until all instances of a gateway say that they have a version of its configuration: what its file says under "version", or else a
        hash of it, which --config finds out. Instances are those whose operator addresses are given (dure gateway --operator N), or all that a registry
        knows of the service --name by an endpoint "operator" (dure gateway --announce NAME; in Kubernetes, a port of this name). Exits with 1 when time is
        over, and says who has what.`,
  examples: [
    'dure gateway wait --config gateway.yaml --at 127.0.0.1:9901 --at 127.0.0.1:9902',
    'dure gateway wait 3f1a9c --registry http://127.0.0.1:8761/eureka',
  ],
  flags: {
    config: textFlag('FILE', 'The file whose version is meant'),
    at: {
      kind: 'parsed',
      parse: String,
      optional: true,
      variadic: true,
      placeholder: 'HOST:PORT',
      brief: 'Operator address of an instance',
    },
    registry: registryFlag,
    name: textFlag('NAME', 'The service that gateways are in the registry (default gateway)'),
    timeout: parsedFlag(wholeNumber(1, 86_400), 'S', 'Seconds to wait (default 60)'),
  },
  positional: {
    kind: 'tuple',
    parameters: [{ parse: String, optional: true, placeholder: 'version', brief: 'Which version is meant' }],
  },
  async func(this: Shell, flags: Flags, given?: string): Promise<void> {
    const { config, at, name = 'gateway', timeout = 60 } = flags
    if ((given === undefined) === (config === undefined))
      throw new CliError('Cannot wait: say for which version, or give the file with --config', { exitCode: EXIT.misuse })
    const version = given ?? (await versionOf(this, config!))
    const runtime = realRuntime()
    const registry = at === undefined ? await registryOf(this, flags.registry) : undefined
    try {
      const addresses = (): readonly string[] => at ?? instancesIn(registry!, name)
      const end = runtime.clock.monotonic() + timeout * 1_000
      for (;;) {
        const all = addresses()
        const found = await Promise.all(all.map(ask))
        if (all.length > 0 && found.every((each) => typeof each === 'object' && each.version === version))
          return print(this, `${all.length === 1 ? 'The instance has' : `All ${all.length} instances have`} version ${version}`)
        if (runtime.clock.monotonic() >= end) throw new CliError(notYet(version, all, found))
        await pause(runtime)
      }
    } finally {
      await registry?.stop()
    }
  },
})

const pause = (runtime: Pick<Runtime, 'timers'>): Promise<unknown> =>
  new Promise((resolve) => runtime.timers.after(AGAIN, () => resolve(undefined)))

async function versionOf(shell: Shell, config: string): Promise<string> {
  if (!WRITTEN.test(config))
    throw new CliError(`Cannot wait for "${config}": a module says its version itself; give that`, { exitCode: EXIT.misuse })
  const { routesReader } = await library<typeof import('@dure/gateway')>(shell, 'an API gateway', '@dure/gateway')
  const text = readSome(resolve(shell.cwd, config), config)
  try {
    return routesReader()(text, config).version!
  } catch (error) {
    return misused(error)
  }
}

async function registryOf(shell: Shell, given: string | undefined): Promise<Registry> {
  const url = registryUrl(shell, given)
  if (url === undefined) throw new CliError('Cannot wait: say whom to ask, with --at or --registry', { exitCode: EXIT.misuse })
  const adapter = await registryAt(shell, url)
  return adapter({ directory: resolve(shell.cwd, '.dure'), runtime: realRuntime(), log: silentLogger() })
}

function instancesIn(registry: Registry, name: string): readonly string[] {
  const tcp = (address: Address | undefined): string[] => (address?.kind === 'tcp' ? [`${address.host}:${address.port}`] : [])
  return registry.instances(name).flatMap(({ status, endpoints }) => (status === 'down' ? [] : tcp(endpoints['operator'])))
}

/** What an instance says of itself, or in words why it does not. */
async function ask(address: string): Promise<GatewayStatus | string> {
  try {
    const answer = await fetch(`http://${address}/status`, { signal: AbortSignal.timeout(ANSWER) })
    const said = (await answer.json()) as GatewayStatus
    return answer.ok && typeof said === 'object' && said !== null ? said : `it answers ${answer.status}`
  } catch (error) {
    const { cause, message } = error as Error
    return `it does not answer: ${cause instanceof Error ? cause.message : message}`
  }
}

function notYet(version: string, addresses: readonly string[], found: readonly (GatewayStatus | string)[]): string {
  if (addresses.length === 0) return `No instance has version ${version}: the registry knows none; start them with --announce`
  const lines = addresses.map((address, i) => {
    const said = found[i]!
    if (typeof said === 'string') return `  - ${address}: ${said}`
    const stale = said.staleSince === undefined ? '' : '; what it knows is stale'
    return `  - ${address}: it has ${said.version ?? 'none'}${said.refused === undefined ? '' : `; it refused another one: ${said.refused}`}${stale}`
  })
  return `Not every instance has version ${version}:\n${lines.join('\n')}`
}
