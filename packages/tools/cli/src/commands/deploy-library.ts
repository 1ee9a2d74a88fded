import { CliError, type Shell } from '../shell.ts'
import { library } from './registry-library.ts'

type Library = typeof import('@dure/deploy')

export const deploy = (shell: Shell): Promise<Library> => library<Library>(shell, 'images and releases', '@dure/deploy')

/** What images, registries and releases say stands in the way is all that a user needs. @throws {CliError} */
export async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const { name, message } = cause as Error
    if (name === 'DeployError') throw new CliError(message, { cause })
    throw cause
  }
}
