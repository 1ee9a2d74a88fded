import type { Command, RouteMap } from '@stricli/core'
import { resolve } from 'node:path'
import { counted } from '../format.ts'
import { loadSystem } from '../load.ts'
import { CliError, EXIT, print, type Shell } from '../shell.ts'
import {
  defineCommand,
  defineRoutes,
  parseRelease,
  printResult,
  switchFlag,
  textFlag,
  jsonFlag,
  type ReleaseWords,
} from './parameters.ts'

type Facts = { readonly facts?: string }
type Library = typeof import('@dure/testing/contracts')

const factsFlag = textFlag('DIR', 'The folder with the facts (default facts)')
const releasePositional = { parse: parseRelease, placeholder: 'service@version', brief: 'Which version of it' }

const releaseCommand: Command<Shell> = defineCommand({
  brief: 'Keep what the services of a system are at their versions',
  help: `
        Writes for each service its contract, what it needs and hears, and its migrations, under the version of its contract; with --pacts what its tests used of
        others as well. A version that runs somewhere does not change: another one of it is refused.`,
  examples: ['dure facts release', 'dure facts release src/system.ts --pacts pacts', 'dure facts release src/system.ts orders'],
  flags: { facts: factsFlag, pacts: textFlag('DIR', 'The folder that consumer tests write their pacts into') },
  positional: {
    kind: 'array',
    parameter: { parse: String, placeholder: 'system.ts|service', brief: 'The system file, and services of it (default all)' },
  },
  async func(this: Shell, { facts, pacts }: Facts & { readonly pacts?: string }, ...words: readonly string[]): Promise<void> {
    const { readWords } = await import('./start.ts')
    const { file, part } = readWords(words, this.cwd)
    const { system } = await loadSystem(file, this.cwd)
    const unknown = part?.find((name) => !system.services.some(({ contract }) => contract.name === name))
    if (unknown !== undefined)
      throw new CliError(`Cannot keep "${unknown}": it is no service of "${system.name}"`, { exitCode: EXIT.misuse })
    await withFacts(this, facts, ({ keepRelease }, folder) => {
      for (const service of system.services) {
        const { name, version } = service.contract
        if (part !== undefined && !part.includes(name)) continue
        keepRelease(folder, service, pacts === undefined ? {} : { pacts: resolve(this.cwd, pacts) })
        print(this, `Kept ${name}@${version}`)
      }
    })
  },
})

const pactsCommand: Command<Shell> = defineCommand({
  brief: 'Keep the pacts of a consumer that is no service of Dure',
  help: 'Keeps the bytes of pacts, in a file or a folder, as those of this version of their consumer.',
  examples: ['dure facts pacts web@7 ../web/pacts'],
  flags: { facts: factsFlag },
  positional: {
    kind: 'tuple',
    parameters: [releasePositional, { parse: String, placeholder: 'FILE|DIR', brief: 'Pact V4, as JSON' }],
  },
  async func(this: Shell, { facts }: Facts, { service, version }: ReleaseWords, pacts: string): Promise<void> {
    await withFacts(this, facts, ({ keepPacts }, folder) => {
      const added = keepPacts(folder, { consumer: service, version, pacts: resolve(this.cwd, pacts) })
      if (added === 0) throw new CliError(`Cannot keep pacts of "${service}": there is none of this consumer in "${pacts}"`)
      print(this, `Kept ${counted(added, 'pact')} of ${service}@${version}`)
    })
  },
})

const verifiedCommand: Command<Shell> = defineCommand({
  brief: 'Keep what came of verifying a provider',
  help: 'Keeps what verifyContracts answered, as JSON in a file. What failed is kept as well: it is a no for as long as somebody expects it.',
  examples: ['dure facts verified report.json'],
  flags: { facts: factsFlag },
  positional: {
    kind: 'tuple',
    parameters: [{ parse: String, placeholder: 'FILE', brief: 'What verifyContracts answered, as JSON' }],
  },
  async func(this: Shell, { facts }: Facts, file: string): Promise<void> {
    await withFacts(this, facts, ({ keepVerification, readVerification }, folder) => {
      const verification = readVerification(resolve(this.cwd, file))
      keepVerification(folder, verification)
      const { provider, version, ok, pacts } = verification
      print(
        this,
        `Kept that ${provider}@${version} ${ok ? 'does' : 'does not do'} what ${counted(pacts.length, 'pact')} ${pacts.length === 1 ? 'expects' : 'expect'}`,
      )
    })
  },
})

const deployedCommand: Command<Shell> = defineCommand({
  brief: 'Keep which version of a service runs somewhere from now on',
  help: `
        Notes that a version runs in an environment, in place of the one before; with --gone that the service does not run there any more. A version of which nothing
        is kept is refused: nobody could say whom a change would break.`,
  examples: ['dure facts deployed orders@1.4.0 --to production', 'dure facts deployed orders@1.4.0 --to staging --gone'],
  flags: {
    to: { kind: 'parsed', parse: String, placeholder: 'ENVIRONMENT', brief: 'Where it runs' },
    gone: switchFlag('It runs there no more'),
    facts: factsFlag,
  },
  positional: { kind: 'tuple', parameters: [releasePositional] },
  async func(
    this: Shell,
    { facts, to, gone = false }: Facts & { readonly to: string; readonly gone?: boolean },
    { service, version }: ReleaseWords,
  ): Promise<void> {
    await withFacts(this, facts, ({ keepDeployment, readFacts }, folder) => {
      const { releases, pacts, deployed } = readFacts(folder)
      const name = `${service}@${version}`
      if (gone && deployed[to]?.[service] !== version)
        throw new CliError(
          `Cannot say that ${name} is gone from "${to}": what is known to run there is ${deployed[to]?.[service] ?? 'none of it'}`,
        )
      if (!gone && !releases.has(name) && !pacts.has(name))
        throw new CliError(
          `Cannot say that ${name} runs in "${to}": nothing is kept of it; run dure facts release, or dure facts pacts, where it was built`,
        )
      keepDeployment(folder, { service, version: gone ? undefined : version, to })
      print(this, gone ? `Kept that ${service} does not run in ${to}` : `Kept that ${name} runs in ${to}`)
    })
  },
})

const showCommand: Command<Shell> = defineCommand({
  brief: 'Show which versions run where, as the facts have it',
  help: 'Shows which versions run where. Exits with 2 when a fact cannot be read.',
  examples: ['dure facts show', 'dure facts show --json'],
  flags: { facts: factsFlag, json: jsonFlag },
  positional: { kind: 'tuple', parameters: [] },
  async func(this: Shell, { facts, json }: Facts & { readonly json?: boolean }): Promise<void> {
    await withFacts(this, facts, ({ readFacts }, folder) => {
      const { deployed, releases, pacts, verified } = readFacts(folder)
      const lines = Object.entries(deployed).flatMap(([to, running]) => [
        to,
        ...Object.entries(running).map(([service, version]) => `  ${service}@${version}`),
      ])
      const summary = `${counted(releases.size, 'release')}, pacts of ${counted(pacts.size, 'version')}, ${counted(verified.length, 'verification')}`
      printResult(
        this,
        { ...(json !== undefined && { json }) },
        { deployed, releases: [...releases.keys()], pacts: [...pacts.keys()] },
        () => [...lines, summary].join('\n'),
      )
    })
  },
})

export const factsCommands: RouteMap<Shell> = defineRoutes({
  routes: {
    release: releaseCommand,
    pacts: pactsCommand,
    verified: verifiedCommand,
    deployed: deployedCommand,
    show: showCommand,
  },
  brief: 'Keep what dure can-i-deploy judges by',
  help: `
        Facts are files in a folder, which Git keeps: what each version promises and needs, whose pacts there are, what came of verifying them, and what runs where.
        dure can-i-deploy is a function of them.`,
  examples: ['dure facts release src/system.ts', 'dure facts deployed orders@1.4.0 --to production', 'dure facts show'],
})

async function withFacts(
  shell: Shell,
  given: string | undefined,
  work: (library: Library, folder: string) => void,
): Promise<void> {
  const library = await import('@dure/testing/contracts')
  try {
    work(library, resolve(shell.cwd, given ?? 'facts'))
  } catch (error) {
    if (error instanceof library.PactError) throw new CliError(error.message, { exitCode: EXIT.misuse, cause: error })
    throw error
  }
}
