import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CliError, type Shell } from '../shell.ts'

type Library = typeof import('@dure/registry')

export const DEFAULT_URL: string = 'http://127.0.0.1:8761/eureka'
/** The registry that is meant, where no list of processes shows its password. */
export const REGISTRY: string = 'DURE_REGISTRY'

/** The registry that is meant: said in the command, or in the environment. */
export const registryUrl = (shell: Shell, given: string | undefined): string | undefined => given ?? shell.process.env?.[REGISTRY]

/** The project's own: who has a registry has it. */
export async function registryLibrary({ cwd }: Shell): Promise<Library> {
  try {
    return (await import(pathToFileURL(createRequire(join(cwd, 'package.json')).resolve('@dure/registry')).href)) as Library
  } catch (cause) {
    throw new CliError('Cannot use a service registry: "@dure/registry" is not installed here; run: npm install @dure/registry', {
      cause,
    })
  }
}
