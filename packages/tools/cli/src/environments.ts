import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { EnvironmentOptions, Platform, Step } from '@dure/deploy'
import { deploy } from './commands/deploy-library.ts'
import { textFlag } from './commands/parameters.ts'
import { importFile } from './load.ts'
import { CliError, EXIT, type Shell } from './shell.ts'

/** Of all commands that change what runs in an environment. */
export const configFlag: ReturnType<typeof textFlag> = textFlag('FILE', 'What says where releases run (default deploy.ts)')

/** Opens the platform of an environment, as a file of the project says it. @throws {CliError} when it is not there */
export async function withPlatform<T>(
  shell: Shell,
  { name, config = 'deploy.ts' }: { readonly name: string; readonly config?: string | undefined },
  work: (platform: Platform) => Promise<T>,
): Promise<T> {
  const file = resolve(shell.cwd, config)
  if (!existsSync(file))
    throw new CliError(
      `Cannot read "${config}": there is no such file; export where releases run: export const ${name} = { name: '${name}', target, directory }`,
      {
        exitCode: EXIT.misuse,
      },
    )
  const environments = Object.values(await importFile(file, config)).filter(isEnvironment)
  const found = environments.find((one) => one.name === name)
  if (found === undefined)
    throw new CliError(
      `Cannot find "${name}" in "${config}": it has ${environments.map((one) => `"${one.name}"`).join(', ') || 'no environment'}`,
      {
        exitCode: EXIT.misuse,
      },
    )
  const { openPlatform } = await deploy()
  const platform = openPlatform({ ...found, directory: resolve(shell.cwd, found.directory) })
  try {
    return await work(platform)
  } finally {
    platform.close()
  }
}

function isEnvironment(value: unknown): value is EnvironmentOptions {
  const { name, target, directory } = (value ?? {}) as Partial<EnvironmentOptions>
  return typeof name === 'string' && typeof directory === 'string' && typeof target?.apply === 'function'
}

/** A line of the timeline. */
export function stepText({ at, name, phase, note }: Step): string {
  const time = new Date(at).toISOString().slice(11, 23)
  return `${time}  ${name.padEnd(14)}  ${phase.padEnd(6)}${note === '' ? '' : `  ${note}`}`.trimEnd()
}
