import { CliError } from '../shell.ts'

/** Loaded by those commands that need it. */
export const deploy = (): Promise<typeof import('@dure/deploy')> => import('@dure/deploy')

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
